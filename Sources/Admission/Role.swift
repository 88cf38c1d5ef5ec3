/// What a viewer may do in the event.
package enum Role: UInt8, Sendable, CaseIterable {
    case attendee
    case host

    /// The name that the upstream is told.
    package var name: String {
        switch self {
        case .attendee: "attendee"
        case .host: "host"
        }
    }
}

/// Which of an event's lists makes somebody a host.
package enum Listing: UInt8, Sendable, CaseIterable {
    case presenter
    case organizer

    /// The name that the upstream is told.
    package var name: String {
        switch self {
        case .presenter: "presenter"
        case .organizer: "organizer"
        }
    }
}

/// A user id or e-mail as it is compared with an event's lists: without surrounding white space, and in lower case.
///
/// A letter outside ASCII never becomes an ASCII one (the Kelvin sign lower-cases to `k`): otherwise somebody could
/// register a look-alike of a presenter's e-mail and pass for the presenter.
package func foldedIdentity(_ text: String) -> String {
    if let folded = foldedASCII(text) { return folded }
    var folded = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        if scalar.isASCII {
            folded.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            continue
        }
        let lowercase = scalar.properties.lowercaseMapping.unicodeScalars
        if lowercase.contains(where: \.isASCII) { folded.append(scalar) } else { folded.append(contentsOf: lowercase) }
    }
    return trimmed(String(folded))
}

/// The same for the texts that nearly all are; nil for others.
private func foldedASCII(_ text: String) -> String? {
    let characters = text.utf8Span.span
    var (start, end) = (0, characters.count)
    for index in characters.indices where characters[index] >= 0x80 { return nil }
    while start < end, isWhite(characters[start]) { start += 1 }
    while end > start, isWhite(characters[end - 1]) { end -= 1 }
    var folded: [UInt8] = []
    folded.reserveCapacity(end - start)
    for index in start..<end {
        let character = characters[index]
        folded.append(character >= 0x41 && character <= 0x5a ? character + 0x20 : character)
    }
    return String(decoding: folded, as: UTF8.self)
}

/// The white space of ASCII, as Unicode has it.
private func isWhite(_ character: UInt8) -> Bool { character == 0x20 || character >= 0x09 && character <= 0x0d }

/// The text without white space at either end.
func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
        let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return String(scalars[first...last])
}
