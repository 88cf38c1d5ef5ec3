#if PostgreSQL
    /// An error code of five letters and digits
    /// ([Appendix A](https://www.postgresql.org/docs/current/errcodes-appendix.html)).
    package struct SQLState: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
        /// The five bytes, the first one on top.
        private let code: UInt64

        /// Returns `nil` for anything but five upper-case letters and digits.
        package init?(_ text: some Collection<UInt8>) {
            guard text.count == 5 else { return nil }
            var code: UInt64 = 0
            for byte in text {
                guard (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) else { return nil }
                code = code << 8 | UInt64(byte)
            }
            self.code = code
        }

        package init(stringLiteral text: StaticString) {
            guard let state = SQLState(text.description.utf8) else { preconditionFailure("\(text) is no SQLSTATE") }
            self = state
        }

        package var description: String {
            String(decoding: (0..<5).map { UInt8(truncatingIfNeeded: code >> (32 - 8 * $0)) }, as: UTF8.self)
        }

        /// Whether the code begins with these two bytes, its class.
        package func isOfClass(_ name: StaticString) -> Bool {
            description.utf8.starts(with: name.description.utf8)
        }
    }
#endif
