#if THREAD_SANITIZER
    import Synchronization

    /// A `Mutex` that ThreadSanitizer can see.
    ///
    /// On Linux the mutex's code is in a library that is not instrumented, so the sanitizer does not see which thread
    /// waited for which, and reports false races. Here each holder leaves a mark when it is done, and the next one
    /// reads it. Two threads holding it at once would not read each other's mark, and are still reported.
    package struct Locked<Value: ~Copyable>: ~Copyable {
        private let mutex: Mutex<Value>
        private let mark = Atomic<UInt32>(0)

        package init(_ value: consuming sending Value) { mutex = Mutex(value) }

        package borrowing func withLock<Result: ~Copyable>(
            _ body: (inout sending Value) -> sending Result
        ) -> sending Result {
            mutex.withLock { value in
                _ = mark.load(ordering: .acquiring)
                defer { mark.add(1, ordering: .releasing) }
                return body(&value)
            }
        }
    }

    extension Locked: Sendable where Value: ~Copyable {}
#else
    package import Synchronization

    /// A value behind a lock.
    package typealias Locked<Value: ~Copyable> = Mutex<Value>
#endif
