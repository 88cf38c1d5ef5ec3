#if PostgreSQL
    import Basics
    import CPostgreSQL

    /// The rows that a statement returned, as the server sent them. Values are read when they are asked for.
    //
    // SAFETY: libpq does not change a result any more once it is complete, so that threads may read it at the same time.
    package final class Rows: @unchecked Sendable {
        private let answer: Answer
        /// The number of rows.
        package let count: Int
        private let columnCount: Int32
        /// How many rows were inserted, updated, deleted or selected.
        package let changedRows: Int

        /// - Throws: if a column's type cannot be read.
        init(_ answer: consuming Answer) throws(PostgreSQLFault) {
            // SAFETY: the answer lives as long as this. Its columns are those that libpq has counted; texts are copied.
            let result = unsafe answer.pointer
            count = Int(unsafe PQntuples(result))
            changedRows = Int(unsafe String(cString: PQcmdTuples(result))) ?? 0
            columnCount = unsafe PQnfields(result)
            self.answer = answer
            for column in 0..<columnCount {
                let type = type(of: column)
                guard !TypeNumber.isReadable(type) else { continue }
                throw PostgreSQLFault(
                    .other,
                    "column \(column + 1) (\(name(of: column))) is \(TypeNumber.words(type)), which is not read; "
                        + "let the statement cast it, such as to text or float8"
                )
            }
        }

        // SAFETY: here and below, the column exists, and the answer lives as long as this. Texts are copied.
        private func type(of column: Int32) -> UInt32 { unsafe PQftype(answer.pointer, column) }

        private func name(of column: Int32) -> String { unsafe String(cString: PQfname(answer.pointer, column)) }

        /// The names of the columns.
        package var columns: [String] { (0..<columnCount).map(name) }

        package func value(_ row: Int, _ column: Int) -> Value {
            precondition((0..<count).contains(row) && (0..<Int(columnCount)).contains(column), "no such value")
            let (line, number) = (Int32(row), Int32(column))
            // SAFETY: the row and the column exist, and the answer lives as long as this.
            guard unsafe PQgetisnull(answer.pointer, line, number) == 0 else { return .null }
            let length = unsafe Int(PQgetlength(answer.pointer, line, number))
            // SAFETY: libpq says how long the value is. It is copied.
            let bytes = unsafe UnsafeRawBufferPointer(start: PQgetvalue(answer.pointer, line, number), count: length)
            switch type(of: number) {
            case TypeNumber.bool: return .integer(unsafe bytes.first == 0 ? 0 : 1)
            case TypeNumber.int2: return .integer(Int64(Int16(bitPattern: unsafe Self.number(bytes))))
            case TypeNumber.int4: return .integer(Int64(Int32(bitPattern: unsafe Self.number(bytes))))
            case TypeNumber.int8: return .integer(Int64(bitPattern: unsafe Self.number(bytes)))
            case TypeNumber.oid: return .integer(Int64(unsafe Self.number(bytes) as UInt32))
            case TypeNumber.float4: return .real(Double(Float(bitPattern: unsafe Self.number(bytes))))
            case TypeNumber.float8: return .real(Double(bitPattern: unsafe Self.number(bytes)))
            case TypeNumber.bytea: return .bytes(unsafe Array(bytes))
            case TypeNumber.void: return .null
            default: return .text(unsafe String(decoding: bytes, as: UTF8.self))
            }
        }

        /// All values of a row.
        package func row(_ row: Int) -> [Value] { (0..<Int(columnCount)).map { value(row, $0) } }

        /// Reads a number of the server, whose bytes begin with the highest.
        // SAFETY: the caller's bytes live for the call.
        @unsafe
        private static func number<Number: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer) -> Number {
            unsafe bytes.reduce(0) { $0 << 8 | Number($1) }
        }
    }
#endif
