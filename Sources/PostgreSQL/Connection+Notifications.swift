#if PostgreSQL
    package import Basics
    import CLinux
    import CPostgreSQL

    /// What another session said with NOTIFY.
    package struct Notification: Equatable, Sendable {
        package let channel: String
        package let payload: String
        /// The server's process for the session that said it, see ``Connection/serverProcess``.
        package let process: Int32
    }

    extension Connection {
        /// The server cuts longer names off.
        private static let channelLimit = 63

        /// Receives notifications of this channel from now on, or, in a transaction, from its end.
        package func listen(_ channel: String) throws(PostgreSQLFault) {
            guard (1...Self.channelLimit).contains(channel.utf8.count) else {
                throw PostgreSQLFault(.other, "a channel's name has 1 to \(Self.channelLimit) bytes")
            }
            var quoted: [UInt8] = []
            for byte in channel.utf8 { quoted += byte == 0x22 ? [0x22, 0x22] : [byte] }
            try run(script: "LISTEN \"\(String(decoding: quoted, as: UTF8.self))\"")
        }

        /// Waits for notifications, and returns those that have arrived.
        ///
        /// - Parameters:
        ///   - deadline: of the monotonic clock. Afterwards none are returned.
        ///   - wakeup: a descriptor that ends the wait when there is something to read, such as an eventfd. It is not read.
        package func notifications(
            until deadline: Milliseconds,
            wakeup: Int32 = -1
        ) throws(PostgreSQLFault) -> [Notification] {
            while true {
                try takeIn()
                let found = takeNotifications()
                let left = deadline - MonotonicClock.now()
                guard found.isEmpty, left > 0 else { return found }
                let socket = unsafe PQsocket(try live())
                if gateway_poll_two(socket, Int16(POLLIN), wakeup, Int32(clamping: left)) == 2 { return [] }
            }
        }

        private func takeNotifications() -> [Notification] {
            var found: [Notification] = []
            // SAFETY: libpq hands out each one once. Its texts are copied before it is freed.
            while let handle = unsafe handle, let next = unsafe PQnotifies(handle) {
                unsafe found.append(
                    Notification(
                        channel: String(cString: next.pointee.relname),
                        payload: String(cString: next.pointee.extra),
                        process: next.pointee.be_pid
                    )
                )
                unsafe PQfreemem(next)
            }
            return found
        }
    }
#endif
