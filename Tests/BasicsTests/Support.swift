import Basics

func bytes(_ text: some StringProtocol) -> [UInt8] { Array(text.utf8) }

func encoded(_ bytes: [UInt8]) -> String { String(decoding: Base64URL.encode(bytes.span), as: UTF8.self) }

func decoded(_ text: some StringProtocol) -> [UInt8]? {
    let text = bytes(text)
    return Base64URL.decode(text.span)
}

extension JSONValue {
    init(_ text: [UInt8]) throws(JSONFault) { try self.init(parsing: text.span, limits: JSONLimits(size: 8192)) }
}
