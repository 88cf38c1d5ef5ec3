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
    /// The longest answer that is given again, in bytes. That of a thousand registrations is a third of it.
    private static let maxKept = 16 << 20

    /// Performs a call, unless it was performed already: then answers as at that time. A call that was refused may be
    /// repeated with other content.
    ///
    /// - Parameter perform: performs the call.
    func once(
        _ key: IdempotencyKey,
        _ incoming: Incoming,
        _ tenant: Tenant,
        perform: () async throws -> Answer
    ) async throws -> Answer {
        let secret = incoming.snapshot.tokenKey
        let call = NamedCall(
            company: tenant.id,
            name: try key.name(for: tenant.id, secret),
            fingerprint: Self.fingerprint(incoming),
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
            guard let bytes = seal.open(sealed.span, days: days, upTo: Self.maxKept), var answer = Answer(kept: bytes)
            else { throw Fault.answerLost }
            answer.fields[Self.replayedField] = "true"
            return answer
        }
        let answer = try await NamedCall.$current.withValue(call, operation: perform)
        do {
            try await directory.keep(seal.seal(answer.kept.span, day: day), of: call)
        } catch {
            // It is done, and must be answered.
            logger.error("the answer of a call with an Idempotency-Key could not be kept: \(error)")
        }
        return answer
    }

    /// Equal for calls that ask for the same.
    private static func fingerprint(_ incoming: Incoming) -> [UInt8] {
        let (head, elements) = (incoming.head, incoming.elements)
        let body = elements.isEmpty ? incoming.body.serialized() : JSONValue.array(elements).serialized()
        return SHA256.hash((Array("\(head.method) \(head.path ?? "")\n".utf8) + body).span)
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
