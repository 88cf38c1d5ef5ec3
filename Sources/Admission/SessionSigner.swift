import JOSE

/// Makes and checks the tags of session ids, so that a session can be neither made up nor aged nor moved to another
/// subject.
package final class SessionSigner: Sendable {
    private let key: MACKey

    /// - Parameter secret: the cookie key; 32 random bytes.
    package init(secret: [UInt8]) {
        key = MACKey(secret)
    }

    /// What the holder is given: 52 characters that fit a cookie and a header.
    package func text(of id: SessionID, for subject: SubjectKey) -> [UInt8] {
        PresentedSession(id: id, tag: tag(of: id, for: subject)).text
    }

    /// Whether we made this session, and for this subject.
    package func verifies(_ session: PresentedSession, for subject: SubjectKey) -> Bool {
        session.tag == tag(of: session.id, for: subject)
    }

    private func tag(of id: SessionID, for subject: SubjectKey) -> SessionTag {
        // The label keeps these MACs apart from whatever else may be made with the same key.
        var text: [UInt8] = Array("gateway session 1".utf8)
        text.reserveCapacity(64)
        for word in [subject.high, subject.low, UInt64(bitPattern: id.joinedAt), id.random0, id.random1] {
            appendBigEndian(word, count: 8, to: &text)
        }
        let code = key.code(for: text.span)
        return SessionTag(high: bigEndianWord(code.span, at: 0), low: bigEndianWord(code.span, at: 8))
    }
}
