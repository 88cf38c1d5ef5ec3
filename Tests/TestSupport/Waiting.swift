/// What a test waited for has not happened.
package struct NeverHappened: Error {
    package let what: String
}

/// Lets other tasks run until `isSo`.
///
/// - Throws: after three minutes, since a test must end.
package func waitUntil(_ what: String, _ isSo: () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(180)
    while !isSo() {
        guard ContinuousClock.now < end else { throw NeverHappened(what: what) }
        await Task.yield()
    }
}
