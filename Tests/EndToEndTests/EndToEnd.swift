import Testing

/// The built program in front of real and hostile peers.
///
/// Runs one test at a time: several of them measure time, and most of them need the processors.
@Suite(.serialized)
enum EndToEnd {}

/// Those that mostly wait for time limits of the gateway. They run one at a time too, but beside the others, so they
/// must leave the processors to those, and must not measure less than seconds.
@Suite(.serialized)
enum WaitingEndToEnd {}
