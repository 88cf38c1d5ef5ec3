import CLinux

/// Messages to a service manager, in single datagrams
/// ([sd_notify(3)](https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html)).
public enum ServiceNotice {
    /// Sends a message. Never waits, and ignores failures: they are no reason not to serve.
    ///
    /// - Parameter name: the manager's socket: a path, or a name without a file after an `@`.
    public static func send(_ text: String, to name: String) {
        // SAFETY: both texts are passed as C strings for the call.
        unsafe _ = gateway_notify(name, text)
    }
}
