import Admission

/// Tells kinds of devices and families of browsers apart by the words that their `User-Agent` is known for
/// ([RFC 9110 section 10.1.5](https://www.rfc-editor.org/rfc/rfc9110#section-10.1.5)).
///
/// A tablet that asks for desktop pages, as iPads do, says that it is a desktop.
enum UserAgent {
    /// What is behind this is not looked at.
    private static let maxLength = 512

    static func device(_ field: Span<UInt8>) -> ArrivalSource.Device {
        let text = field.extracting(0..<min(field.count, maxLength))
        if text.has("Windows NT") { return .desktop }
        if text.has("iPad") { return .tablet }
        if text.has("iPhone") || text.has("iPod") { return .mobile }
        if text.has("TV") { return .other }
        if text.has("Tablet") { return .tablet }
        if text.has("Mobi") { return .mobile }
        if text.has("Android") || text.has("Silk/") { return .tablet }
        if text.has("Macintosh") || text.has("Linux") || text.has("CrOS") || text.has("X11") { return .desktop }
        return .other
    }

    static func browser(_ field: Span<UInt8>) -> ArrivalSource.Browser {
        let text = field.extracting(0..<min(field.count, maxLength))
        // Most claim to be those below them, too.
        if text.has("Edg/") || text.has("EdgA/") || text.has("EdgiOS/") || text.has("Edge/") { return .edge }
        if text.has("OPR/") || text.has("OPiOS/") || text.has("Opera") { return .opera }
        if text.has("SamsungBrowser/") { return .samsung }
        if text.has("Firefox/") || text.has("FxiOS/") { return .firefox }
        if text.has("Chrome/") || text.has("CriOS/") || text.has("Chromium/") { return .chrome }
        if text.has("Safari/") { return .safari }
        return .other
    }
}

extension Span<UInt8> {
    /// Whether the bytes of `word`, which is not empty, are among these.
    fileprivate func has(_ word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        var start = 0
        // SAFETY: a literal's bytes live forever, and it is not empty.
        let first = unsafe word.utf8Start.pointee
        while let found = firstIndex(of: first, from: start, to: count), found + length <= count {
            if equals(word, in: found..<found + length) { return true }
            start = found + 1
        }
        return false
    }
}
