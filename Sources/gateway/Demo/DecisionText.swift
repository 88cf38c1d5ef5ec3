import Basics

/// A line of the access log, in short.
enum DecisionText {
    /// - Parameter json: as the access log writes it.
    static func line(_ json: String) -> String {
        guard let value = try? JSONValue(parsing: Array(json.utf8).span, limits: JSONLimits(size: 1 << 16)) else {
            return json
        }
        let verdict = value["verdict"]?.text ?? "-"
        var status = ""
        if case .number(let number)? = value["status"] { status = "\(Int(number))" }
        let request = [value["method"]?.text, value["path"]?.text].compactMap(\.self)
        let reason = [value["refusal"]?.text, value["fault"]?.text, value["role"]?.text].compactMap(\.self)
        let padded = verdict + String(repeating: " ", count: max(0, 6 - verdict.count))
        return ([padded, status] + request + reason).joined(separator: " ")
    }
}
