import Testing

/// The built program in front of real and hostile peers.
///
/// One test at a time: several of them measure time, and all of them want the processors.
@Suite(.serialized)
enum EndToEnd {}
