import Basics
import Directory
import HTTPTypes
import JOSE
import Logging
import Synchronization

/// The calls that clients have named and that are being performed.
final class CallsUnderWay: Sendable {
    private let names = Mutex<Set<[UInt8]>>([])

    /// Returns false if a call with this name is under way.
    func begin(_ name: [UInt8]) -> Bool { names.withLock { $0.insert(name).inserted } }

    func end(_ name: [UInt8]) { names.withLock { _ = $0.remove(name) } }
}

/// Performs calls that their clients have named, once for each name.
extension ControlPlane {
    /// Says that an answer is that of an earlier call.
    static let replayedField = HTTPField.Name("Idempotent-Replayed")!
    /// The largest answer that is kept of most calls, in bytes.
    private static let usuallyKept = 60 << 10
    /// The largest of calls with large bodies. That of a thousand registrations is a third of it.
    private static let maxKept = 16 << 20

    /// Performs a call, unless it was performed already: then answers as at that time. A call that was refused may be
    /// repeated with other content.
    ///
    /// - Parameters:
    ///   - hasLargeBody: whether the answer may be as large as ``maxKept``.
    ///   - perform: performs the call.
    func once(
        _ key: IdempotencyKey,
        _ incoming: Incoming,
        _ tenant: Tenant,
        hasLargeBody: Bool,
        perform: () async throws -> Answer
    ) async throws -> Answer {
        let secret = incoming.snapshot.tokenKey
        let call = NamedCall(
            company: tenant.id,
            name: try key.name(for: tenant.id, secret),
            fingerprint: try Self.fingerprint(incoming.head.method, incoming.head.path ?? "", incoming.content, secret),
            madeAt: now
        )
        guard callsUnderWay.begin(call.name) else { throw Fault.callUnderWay }
        defer { callsUnderWay.end(call.name) }
        let seal = try key.seal(for: tenant.id, secret)
        let day = Int(max(0, now) / 86_400_000)
        switch try await directory.earlier(call) {
        case .none: break
        case .different: throw Fault.keyReused
        case .unanswered: throw Fault.answerLost
        case .answered(let sealed):
            // One day ago at most, and clocks may be set.
            let days = max(0, day - 2)...(day + 2)
            let limit = Self.maxKept + SealingKey.overhead
            guard let bytes = seal.open(sealed.span, days: days, upTo: limit), var answer = Answer(kept: bytes) else {
                throw Fault.answerLost
            }
            answer.fields[Self.replayedField] = "true"
            return answer
        }
        let answer = try await NamedCall.$current.withValue(call, operation: perform)
        let kept = answer.kept
        // What is not kept costs nothing, and is lost for those that repeat the call.
        guard kept.count <= (hasLargeBody ? Self.maxKept : Self.usuallyKept) else { return answer }
        do {
            try await directory.keep(seal.seal(kept.span, day: day), of: call)
        } catch {
            // It is done, and must be answered.
            logger.error("the answer of a call with an Idempotency-Key could not be kept: \(error)")
        }
        return answer
    }

    /// Equal for calls that ask for the same. Says nothing about them to those who do not have the gateway's secret.
    static func fingerprint(
        _ method: HTTPRequest.Method,
        _ target: String,
        _ body: JSONValue,
        _ secret: Key
    ) throws(KeyError) -> [UInt8] {
        try secret.sign((Array("idempotent call \(method) \(target)\n".utf8) + body.inOrderOfNames.serialized()).span)
    }
}

extension Answer {
    /// Status, type and body, as they are kept. The status has three digits, and no type has a line break.
    fileprivate var kept: [UInt8] {
        Array("\(status.code)\(fields[.contentType] ?? "")\n".utf8) + body
    }

    fileprivate init?(kept bytes: [UInt8]) {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")), end >= 3,
            let code = Int(String(decoding: bytes[..<3], as: UTF8.self))
        else { return nil }
        self.init(status: HTTPResponse.Status(code: code))
        body = Array(bytes[(end + 1)...])
        if end > 3 { fields[.contentType] = String(decoding: bytes[3..<end], as: UTF8.self) }
    }
}
