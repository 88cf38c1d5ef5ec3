#if PostgreSQL
    import Basics
    import Synchronization

    /// Our statements and texts in the form that PostgreSQL takes.
    enum PostgreSQLText {
        /// Statements that were written anew, of which there are as many as the program contains.
        private static let known = Mutex<[ExactText: String]>([:])

        /// A statement with `$1` for `?` or `?1`, and without `INDEXED BY`.
        ///
        /// No literal of ours contains a question mark.
        static func of(_ sql: String) -> String {
            let key = ExactText(sql)
            if let text = known.withLock({ $0[key] }) { return text }
            let text = translated(sql)
            known.withLock { $0[key] = text }
            return text
        }

        private static func translated(_ sql: String) -> String {
            var (text, count): ([UInt8], Int) = ([], 0)
            var rest = Array(sql.utf8)[...]
            let hint = Array("INDEXED BY ".utf8)
            while let byte = rest.first {
                if rest.starts(with: hint) {
                    rest = rest.dropFirst(hint.count).drop { $0 > UInt8(ascii: " ") }
                } else if byte == UInt8(ascii: "?") {
                    rest.removeFirst()
                    let number = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                    rest = rest.dropFirst(number.count)
                    count += 1
                    text += "$".utf8
                    text += number.isEmpty ? Array("\(count)".utf8) : Array(number)
                } else {
                    text.append(byte)
                    rest.removeFirst()
                }
            }
            return String(decoding: text, as: UTF8.self)
        }
    }
#endif
