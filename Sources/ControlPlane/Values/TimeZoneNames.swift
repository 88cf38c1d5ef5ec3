import Basics
import Foundation

/// The names of the IANA time zone database that this machine knows.
enum TimeZoneNames {
    private static let folder = "/usr/share/zoneinfo"

    /// In alphabetical order. Includes the system's files, which have the old names too, and Foundation's own names.
    static let all: [String] = {
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
        let folders = Set(files.compactMap { file in file.lastIndex(of: "/").map { ExactText(String(file[..<$0])) } })
        let names = files.filter { name in
            guard let first = name.utf8.first, first >= UInt8(ascii: "A"), first <= UInt8(ascii: "Z") else {
                return false
            }
            return !name.contains(".") && !name.hasSameBytes(as: "Factory") && !folders.contains(ExactText(name))
        }
        let all = names + TimeZone.knownTimeZoneIdentifiers + ["UTC"]
        return Set(all.map { ExactText($0) }).map(\.text).sorted()
    }()
}
