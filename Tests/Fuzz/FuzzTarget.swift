/// A parser and the properties that it must keep for any input.
///
/// libFuzzer searches for input that breaks a property or crashes the process. An ordinary test checks the same
/// properties on the corpora.
struct FuzzTarget: Sendable {
    /// Its name on the command line and of its folder in `Corpora`.
    let name: String
    /// Makes the check, with whatever inputs can share. The check throws ``BrokenProperty``.
    let prepare: @Sendable () throws -> ([UInt8]) throws -> Void

    init(_ name: String, prepare: @escaping @Sendable () throws -> ([UInt8]) throws -> Void) {
        self.name = name
        self.prepare = prepare
    }

    /// A target whose inputs share nothing.
    init(_ name: String, check: @escaping @Sendable ([UInt8]) throws -> Void) {
        self.init(name, prepare: { check })
    }

    static let all = [
        requestHead, requestTarget, responseHead, chunkedBody, cookies, language, forwarded, proxyHeader, http2Fields,
        webSocket,
        json, token, sealed, workerRequest, storedCookie, cookieDate, keptCookie, configuration, connection,
        percentEncoding,
    ]
}

/// Says which property an input broke.
struct BrokenProperty: Error, CustomStringConvertible {
    let description: String
}

/// Throws unless `holds`.
func require(_ holds: Bool, _ property: @autoclosure () -> String) throws(BrokenProperty) {
    if !holds { throw BrokenProperty(description: property()) }
}

/// Where to cut an input of this length: everywhere if it is short, otherwise at about 200 positions.
func cuts(of count: Int) -> StrideTo<Int> { stride(from: 0, to: count, by: max(count / 200, 1)) }

func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
