#if PostgreSQL
    import CPostgreSQL

    /// The parameters of a statement, in the server's binary format.
    struct Parameters {
        /// Each type's number; 0 where the server shall find out, which is for nulls.
        private(set) var types: [UInt32] = []
        /// All values, one after the other.
        private var bytes: [UInt8] = []
        /// Where each value begins in `bytes`; `nil` for null.
        private var starts: [Int?] = []
        private(set) var lengths: [Int32] = []

        /// The protocol counts parameters in 16 bits.
        private static let limit = 65_535

        /// - Throws: for what the server cannot store. It would refuse it too, but end the transaction.
        init(_ values: [Value]) throws(PostgreSQLFault) {
            guard values.count <= Self.limit else {
                throw PostgreSQLFault(.other, "\(values.count) parameters are too many for a statement")
            }
            for (index, value) in values.enumerated() {
                let start = bytes.count
                let type =
                    switch value {
                    case .null: 0 as UInt32
                    case .integer: TypeNumber.int8
                    case .real: TypeNumber.float8
                    case .text: TypeNumber.text
                    case .bytes: TypeNumber.bytea
                    }
                switch value {
                case .null: break
                case .integer(let number): append(UInt64(bitPattern: number))
                case .real(let number): append(number.bitPattern)
                case .bytes(let value): bytes += value
                case .text(let text):
                    guard !text.utf8.contains(0) else {
                        throw PostgreSQLFault(
                            .other,
                            "the text of parameter $\(index + 1) contains U+0000, which PostgreSQL cannot store"
                        )
                    }
                    bytes += text.utf8
                }
                guard let length = Int32(exactly: bytes.count - start) else {
                    throw PostgreSQLFault(.other, "the value of parameter $\(index + 1) is too long")
                }
                types.append(type)
                starts.append(value.isNull ? nil : start)
                lengths.append(length)
            }
            // An empty value has an address, too.
            bytes.append(0)
        }

        private mutating func append(_ number: UInt64) {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }

        /// How many there are, as libpq counts.
        var count: Int32 { Int32(types.count) }

        /// All are binary.
        var formats: [Int32] { [Int32](repeating: 1, count: types.count) }

        /// Calls `body` with the address of each value, which is valid for the call; none for null.
        func withAddresses<Result>(_ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result) -> Result {
            // SAFETY: the arrays live, unchanged, as long as the closures. Each start lies within `bytes`.
            return unsafe bytes.withUnsafeBufferPointer { bytes in
                let base = unsafe UnsafeRawPointer(bytes.baseAddress!).assumingMemoryBound(to: CChar.self)
                let addresses = unsafe starts.map { start in unsafe start.map { unsafe base + $0 } }
                return unsafe addresses.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
            }
        }
    }
#endif
