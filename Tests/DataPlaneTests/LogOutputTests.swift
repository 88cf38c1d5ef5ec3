import Foundation
import Testing

@testable import DataPlane

@Suite("Output of a log")
struct LogOutputTests {
    /// A pipe, and the thread that writes a log into it.
    private final class Reader {
        let output: LogOutput
        private let ends: [Int32]
        private let isOver = DispatchSemaphore(value: 0)

        init(capacity: Int) throws {
            var ends: [Int32] = [-1, -1]
            // SAFETY: pipe writes two descriptors to an array of two.
            try #require(unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe($0.baseAddress!) } == 0)
            self.ends = ends
            output = LogOutput(LogSink(descriptor: ends[1]), isJSON: false, capacity: capacity)
            Thread.detachNewThread { [output, isOver] in
                output.run()
                isOver.signal()
            }
        }

        /// Reads everything until the writer is done.
        func rest() -> [String] {
            output.stop()
            let writer = ends[1]
            Thread.detachNewThread { [isOver] in
                isOver.wait()
                close(writer)
            }
            let text = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true).readDataToEndOfFile()
            return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    @Test("Lines come out completely and in order")
    func order() throws {
        let reader = try Reader(capacity: 1 << 20)
        for number in 0..<1000 { reader.output.append(Array("line \(number)\n".utf8)) }
        #expect(reader.rest() == (0..<1000).map { "line \($0)" })
    }

    @Test(
        "An event loop's lines come out whole and in order, however long they are",
        arguments: [1, 600, 4095, 4096, 70_000]
    )
    func loopLines(_ length: Int) throws {
        let reader = try Reader(capacity: 32 << 20)
        let buffer = AccessLogBuffer(log: reader.output)
        let lines = (0..<200).map { String(repeating: String($0 % 10), count: length) }
        for line in lines { buffer.append { $0.write(line.utf8.span) } }
        buffer.handOver()
        #expect(reader.rest() == lines)
    }

    @Test("Attack: a stalled reader blocks nobody, costs bounded memory, and is told what it missed")
    func stalled() throws {
        let reader = try Reader(capacity: 64 << 10)
        let line = String(repeating: "x", count: 1023)
        // More than the pipe and the capacity take while nobody reads: this returns.
        for _ in 0..<2000 { reader.output.append(Array("\(line)\n".utf8)) }
        #expect(reader.output.unwrittenLines >= 2000 - 1024 - 130)
        let lines = reader.rest()
        let told = lines.compactMap { $0.hasPrefix("dropped ") ? Int($0.split(separator: " ")[1]) : nil }
        #expect(lines.count { $0 == line } + told.reduce(0, +) == 2000)
        #expect(!told.isEmpty && lines.count < 1200)
        let notice = reader.output.takeNotice(at: 0)
        #expect(notice == "the access log is not read as fast as it is written: \(told.reduce(0, +)) lines lost")
        #expect(reader.output.lostLines == told.reduce(0, +))
    }

    @Test("Lines that cannot be written are counted and reported with the reason, at most once a minute")
    func full() throws {
        // SAFETY: a literal.
        let descriptor = unsafe open("/dev/full", O_WRONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let output = LogOutput(LogSink(descriptor: descriptor), isJSON: false)
        func write(_ lines: Int) {
            let isOver = DispatchSemaphore(value: 0)
            for _ in 0..<lines { output.append(Array("a line\nand one\n".utf8)) }
            output.stop()
            Thread.detachNewThread {
                output.run()
                isOver.signal()
            }
            isOver.wait()
        }
        #expect(output.takeNotice(at: 0) == nil)
        write(3)
        let notice = "the access log cannot be written: No space left on device: 6 lines lost"
        #expect(output.takeNotice(at: 1000) == notice)
        #expect(output.takeNotice(at: 1000) == nil)
        write(1)
        #expect(output.takeNotice(at: 60_999) == nil)
        write(1)
        #expect(output.takeNotice(at: 61_000)?.hasSuffix(": 4 lines lost") == true)
        #expect(output.lostLines == 10)
    }

    @Test("A non-blocking pipe loses nothing")
    func nonBlocking() throws {
        var ends: [Int32] = [-1, -1]
        // SAFETY: pipe writes two descriptors to an array of two.
        try #require(unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe($0.baseAddress!) } == 0)
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        let output = LogOutput(LogSink(descriptor: ends[1]), isJSON: false)
        let line = String(repeating: "x", count: 1023)
        for _ in 0..<500 { output.append(Array("\(line)\n".utf8)) }
        output.stop()
        let writer = ends[1]
        Thread.detachNewThread {
            output.run()
            close(writer)
        }
        let text = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true).readDataToEndOfFile()
        #expect(text.count == 500 << 10)
        #expect(output.takeNotice(at: 0) == nil)
    }
}
