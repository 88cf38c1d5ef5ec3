import Testing

@testable import DataPlane

@Suite("Streams that are over")
struct ClosedStreamsTests {
    @Test("A stream higher than all before is new, once")
    func new() {
        var streams = ClosedStreams()
        for (id, expected) in [(1, "new"), (5, "new"), (3, "skipped"), (5, "skipped"), (7, "new")] as [(Int32, String)]
        {
            let judgement = streams.judge(id)
            #expect("\(judgement)" == expected, "\(id)")
        }
    }

    @Test("A closed stream is closed; one reset by the gateway stays reset, whatever follows")
    func closed() {
        var streams = ClosedStreams()
        for id: Int32 in [1, 3, 5] { _ = streams.judge(id) }
        streams.add(1, isReset: false)
        streams.add(3, isReset: true)
        streams.add(3, isReset: false)
        let judgements = [1, 3, 5].map { streams.judge($0) }
        #expect(judgements == [.closed, .reset, .skipped])
    }

    @Test("Attack: any number of streams takes bounded memory, which holds the latest")
    func bounded() {
        var streams = ClosedStreams()
        for id in stride(from: Int32(1), to: 100_001, by: 2) {
            _ = streams.judge(id)
            streams.add(id, isReset: id % 4 == 1)
        }
        let judgements = [Int32(99_999), 99_997, 1].map { streams.judge($0) }
        #expect(judgements == [.closed, .reset, .skipped])
    }
}
