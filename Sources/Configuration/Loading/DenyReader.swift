import Basics

/// Reads the addresses in `[limits]` that are turned away.
struct DenyReader {
    /// More lines with a fault are not reported.
    private static let maxFaults = 10

    let table: TableReader

    func read(into limits: inout LimitSettings) {
        table.read("deny", into: &limits.deny, .set(of: .text("an address range", AddressRange.init(parsing:))))
        var all = limits.deny
        if let file = table.value("deny_file", .file) {
            limits.denyFile = file.path
            all += ranges(of: file)
        }
        limits.denied = AddressSet(all)
        for proxy in limits.trustedProxies where limits.denied.contains(ClientAddress(bytes: proxy.bytes, text: "")) {
            let key = limits.deny.isEmpty ? "deny_file" : "deny"
            table.report("contains the trusted proxy \(quoted(proxy.text)), through which clients come", at: key)
        }
    }

    /// A range a line; empty lines, and what follows a `#`, do not count.
    private func ranges(of file: NamedFile) -> [AddressRange] {
        var ranges: [AddressRange] = []
        var faults = 0
        for (index, line) in file.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated()
        {
            let words = line.prefix { $0 != UInt8(ascii: "#") }.split { [0x09, 0x0d, 0x20].contains($0) }
            guard let word = words.first else { continue }
            do throws(ValueFault) {
                guard words.count == 1 else { throw ValueFault("one address range a line is expected") }
                ranges.append(try AddressRange(parsing: String(decoding: word.prefix(64), as: UTF8.self)))
            } catch {
                faults += 1
                if faults <= Self.maxFaults {
                    table.report("\(file.path): line \(index + 1): \(error.reason)", at: "deny_file")
                }
            }
        }
        if faults > Self.maxFaults {
            table.report("\(file.path): and \(faults - Self.maxFaults) more lines", at: "deny_file")
        }
        return ranges
    }
}
