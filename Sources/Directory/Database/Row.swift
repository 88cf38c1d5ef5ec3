import Basics

/// A value as the database stores it.
enum StoredValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
}

/// What can be a statement's argument and a row's column.
protocol Storable: Sendable {
    var stored: StoredValue { get }
    /// Returns `nil` for a value of another type.
    init?(_ stored: StoredValue)
}

extension Int64: Storable {
    var stored: StoredValue { .integer(self) }

    init?(_ stored: StoredValue) {
        guard case .integer(let number) = stored else { return nil }
        self = number
    }
}

extension Int: Storable {
    var stored: StoredValue { .integer(Int64(self)) }

    init?(_ stored: StoredValue) {
        guard case .integer(let number) = stored else { return nil }
        self.init(exactly: number)
    }
}

/// Stored as 0 or 1.
extension Bool: Storable {
    var stored: StoredValue { .integer(self ? 1 : 0) }

    init?(_ stored: StoredValue) {
        guard case .integer(let number) = stored else { return nil }
        self = number != 0
    }
}

extension String: Storable {
    /// U+0000, which ends a text in SQLite and which PostgreSQL refuses, becomes U+FFFD.
    var stored: StoredValue {
        guard utf8.contains(0) else { return .text(self) }
        return .text(String(UnicodeScalarView(unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : $0 })))
    }

    init?(_ stored: StoredValue) {
        guard case .text(let text) = stored else { return nil }
        self = text
    }
}

extension [UInt8]: Storable {
    var stored: StoredValue { .bytes(self) }

    init?(_ stored: StoredValue) {
        guard case .bytes(let bytes) = stored else { return nil }
        self = bytes
    }
}

/// The arguments of a statement, in the order of its question marks; `nil` is stored as null.
struct Arguments: Sendable, ExpressibleByArrayLiteral {
    private(set) var values: [StoredValue]

    init(_ values: [(any Storable)?]) { self.values = values.map { $0?.stored ?? .null } }

    init(stored values: [StoredValue]) { self.values = values }

    init(arrayLiteral elements: (any Storable)?...) { self.init(elements) }

    static func + (first: Arguments, second: Arguments) -> Arguments {
        var sum = first
        sum += second
        return sum
    }

    static func += (first: inout Arguments, second: Arguments) { first.values += second.values }
}

/// A row of a result.
///
/// The schema fixes the type of each column, so asking for another one is an error in the program.
struct Row: Sendable {
    let columns: ColumnNames
    let values: [StoredValue]

    subscript<Value: Storable>(index: Int) -> Value {
        guard let value = Value(values[index]) else {
            preconditionFailure("column \(columns.names[index]) is no \(Value.self)")
        }
        return value
    }

    /// `nil` if the column is null.
    subscript<Value: Storable>(index: Int) -> Value? {
        if case .null = values[index] { return nil }
        return self[index] as Value
    }

    subscript<Value: Storable>(name: String) -> Value { self[columns.index(of: name)] }

    /// `nil` if the column is null.
    subscript<Value: Storable>(name: String) -> Value? { self[columns.index(of: name)] }
}

/// The names of the columns that all rows of a result share.
final class ColumnNames: Sendable {
    let names: [String]

    init(_ names: [String]) { self.names = names }

    fileprivate func index(of name: String) -> Int {
        guard let index = names.firstIndex(where: { $0.hasSameBytes(as: name) }) else {
            preconditionFailure("no column \(name)")
        }
        return index
    }
}
