import Basics
import JOSE

extension TracingSettings {
    mutating func read(from table: TableReader) {
        table.read("endpoint", into: &endpoint, .text("a URL", CollectorURL.init(parsing:)))
        table.read("service_name", into: &serviceName, .name)
        table.read("sample", into: &sample, .share)
        table.read("parent", into: &parent, Form<TraceParent>.choice)
        if let file = table.value("headers_file", .secretFile) {
            headersFile = file.path
            do throws(ValueFault) {
                headers = Secret(try Self.lines(of: file.bytes))
            } catch {
                table.report("\(file.path): \(error.reason)", at: "headers_file")
            }
        }
        if let file = table.value("ca_file", .file) {
            caFile = file.path
            authorities = table.authorities(file, at: "ca_file")
        }
        if table.has("ca_file"), let endpoint, !endpoint.isSecure {
            table.report("is for an endpoint with https", at: "ca_file")
        }
        table.read("timeout", into: &timeout, .duration(.milliseconds(100) ... .seconds(60)))
        table.read("interval", into: &interval, .duration(.milliseconds(100) ... .seconds(60)))
        table.read("batch_size", into: &batchSize, .integer(16...8192))
        table.read("queue_size", into: &queueSize, .integer(16...1_000_000))
        if queueSize < batchSize {
            table.report("\(queueSize) is less than batch_size, \(batchSize)", at: "queue_size")
        }
    }

    /// Settings that are probably not meant: lines that begin with a key.
    var remarks: [String] {
        guard let endpoint else { return [] }
        var remarks: [String] = []
        if endpoint.port == 4317 {
            remarks.append(
                "tracing.endpoint: port 4317 is usually for OTLP over gRPC, which the gateway does not speak; for HTTP "
                    + "it is 4318"
            )
        }
        if !endpoint.isSecure, headersFile != nil, !HostName.isLoopback(endpoint.host) {
            remarks.append("tracing.headers_file: its content goes to \(endpoint.host) unencrypted: use https")
        }
        return remarks
    }

    // MARK: Fields

    /// In bytes.
    private static let maxLine = 4096
    private static let maxLines = 32
    /// What the gateway writes itself.
    private static let ownFields = [
        "host", "content-length", "content-type", "transfer-encoding", "connection", "te", "upgrade", "expect",
    ]

    /// Reads lines such as `Authorization: Bearer …`. Skips empty ones, and those that begin with `#`. Faults do not
    /// repeat what stands in the file.
    private static func lines(of bytes: [UInt8]) throws(ValueFault) -> [UInt8] {
        var fields: [UInt8] = []
        var count = 0
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard let first = line.first, first != UInt8(ascii: "#") else { continue }
            let number = index + 1
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
                line[..<colon].allSatisfy({ $0.isLetterOrDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }),
                line[(colon + 1)...].contains(where: { $0 > 0x20 }),
                line[(colon + 1)...].allSatisfy({ (0x20..<0x7f).contains($0) })
            else { throw ValueFault("line \(number) is not a field such as \"Authorization: Bearer …\"") }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            guard !ownFields.contains(name) else {
                throw ValueFault("line \(number): the gateway writes \(name) itself")
            }
            count += 1
            guard line.count <= maxLine, count <= maxLines else {
                throw ValueFault("line \(number): more than \(maxLines) fields, or \(maxLine) bytes of one")
            }
            fields += line
            fields += "\r\n".utf8
        }
        return fields
    }
}
