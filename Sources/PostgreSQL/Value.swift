#if PostgreSQL
    /// A parameter of a statement, or a value in a row.
    package enum Value: Equatable, Sendable {
        case null
        /// int8 as a parameter; bool, int2, int4, int8 and oid in a row.
        case integer(Int64)
        /// float8 as a parameter; float4 and float8 in a row.
        case real(Double)
        /// text as a parameter; text, varchar, char, name and json in a row. Without U+0000, which the server cannot store.
        case text(String)
        /// bytea.
        case bytes([UInt8])
    }

    extension Value {
        package var isNull: Bool { if case .null = self { true } else { false } }

        package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }

        package var real: Double? { if case .real(let value) = self { value } else { nil } }

        package var text: String? { if case .text(let value) = self { value } else { nil } }

        package var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
    }

    /// The number of a type in the server's catalogue (`pg_type.dat`). These do not change between versions.
    enum TypeNumber {
        static let bool: UInt32 = 16
        static let bytea: UInt32 = 17
        static let name: UInt32 = 19
        static let int8: UInt32 = 20
        static let int2: UInt32 = 21
        static let int4: UInt32 = 23
        static let text: UInt32 = 25
        static let oid: UInt32 = 26
        static let json: UInt32 = 114
        static let float4: UInt32 = 700
        static let float8: UInt32 = 701
        static let bpchar: UInt32 = 1042
        static let varchar: UInt32 = 1043
        /// What functions return that return nothing, such as `pg_notify`.
        static let void: UInt32 = 2278

        /// Whether values of this type can be read.
        static func isReadable(_ number: UInt32) -> Bool {
            switch number {
            case bool, bytea, name, int8, int2, int4, text, oid, json, float4, float8, bpchar, varchar, void: true
            default: false
            }
        }

        /// The type in words, for those that statements return by mistake.
        static func words(_ number: UInt32) -> String {
            switch number {
            case 1082: "date"
            case 1114: "timestamp"
            case 1184: "timestamptz"
            case 1186: "interval"
            case 1700: "numeric"
            case 2950: "uuid"
            case 3802: "jsonb"
            default: "the type number \(number)"
            }
        }
    }
#endif
