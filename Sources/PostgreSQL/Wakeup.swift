#if PostgreSQL
    package import Basics
    import CLinux
    import Glibc

    /// Ends a thread's wait, once and for all.
    package final class Wakeup: Sendable {
        /// Readable from then on; see ``Connection/notifications(until:wakeup:)``.
        package let descriptor: Int32

        /// Returns `nil` if there is no descriptor left.
        package init?() {
            let result = gateway_eventfd()
            guard result >= 0 else { return nil }
            descriptor = Int32(result)
        }

        deinit { close(descriptor) }

        package func wake() {
            var one: UInt64 = 1
            // SAFETY: the call reads the eight bytes of a local. It never blocks: the counter is far from full.
            unsafe _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
        }

        /// Waits until then.
        package func wait(until deadline: Milliseconds) {
            while true {
                let left = deadline - MonotonicClock.now()
                // Less than nothing if a signal arrives.
                if left <= 0 || gateway_poll(descriptor, Int16(POLLIN), Int32(clamping: left)) > 0 { return }
            }
        }
    }
#endif
