import Testing

/// The built program in front of real and hostile peers.
///
/// Runs one test at a time: several of them measure time, and all of them need the processors.
@Suite(.serialized)
enum EndToEnd {}
