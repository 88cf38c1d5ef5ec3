/// A value of a TOML document, independent of the parser library.
indirect enum DocumentValue {
    case string(String)
    case integer(Int)
    case number(Double)
    case boolean(Bool)
    case dateTime
    case array([DocumentValue])
    case table([String: DocumentValue])
    /// Already reported, so its reader reports nothing more.
    case faulty

    /// The description of the value in "found …" messages.
    var found: String {
        switch self {
        case .string(let text): "the string \(quoted(text))"
        case .integer(let value): "the integer \(value)"
        case .number(let value): "the number \(value)"
        case .boolean(let value): "the boolean \(value)"
        case .dateTime: "a date or time"
        case .array: "an array"
        case .table: "a table"
        case .faulty: "a faulty value"
        }
    }
}
