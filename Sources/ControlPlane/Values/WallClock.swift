package import Admission

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The system's time of day.
package func wallClock() -> Milliseconds {
    var time = timespec()
    // SAFETY: clock_gettime writes to a local that outlives the call.
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
