/// What a browser says about why it sends a request.
extension RequestView {
    /// Whether a browser navigates here, so that a person sees the answer. See ``Navigation``.
    var isNavigation: Bool { Navigation.isOne(method, mode: value(of: .secFetchMode), accept: value(of: .accept)) }

    /// The place among `tags` of the language that fits the viewer best.
    func language(among tags: [[UInt8]]) -> Int {
        guard contains(.acceptLanguage) else { return 0 }
        var choice = LanguageChoice(among: tags)
        for field in fields where field.name == .acceptLanguage { choice.read(bytes.extracting(field.value)) }
        return choice.place
    }

    /// Whether a browser fetches this in advance, in case someone wants it later.
    var isSpeculative: Bool {
        // Most requests have none of these fields.
        guard contains(.secPurpose) || contains(.purpose) || contains(.xMoz) else { return false }
        return isSpeculative(by: .secPurpose) || isSpeculative(by: .purpose) || isSpeculative(by: .xMoz)
    }

    private func isSpeculative(by name: FieldName) -> Bool {
        guard let value = value(of: name) else { return false }
        let end = value.firstIndex(of: UInt8(ascii: ";"), from: 0, to: value.count) ?? value.count
        let word = value.trimming(0..<end)
        return value.equals("prefetch", ignoringCaseIn: word) || value.equals("prerender", ignoringCaseIn: word)
            || value.equals("preview", ignoringCaseIn: word)
    }

    /// Whether this loads an image, a style or a font: nobody watches an event in one.
    var isDecoration: Bool {
        field(.secFetchDest, is: "image") || field(.secFetchDest, is: "style") || field(.secFetchDest, is: "font")
    }

    /// Whether the response is shown inside another page.
    var isForFrame: Bool {
        field(.secFetchDest, is: "iframe") || field(.secFetchDest, is: "frame")
            || field(.secFetchDest, is: "object") || field(.secFetchDest, is: "embed")
    }

    /// Whether the response is shown in a tab of its own.
    var isForTab: Bool { field(.secFetchDest, is: "document") }

    /// Whether a page sends this while it is being closed: `navigator.sendBeacon`.
    var isBeacon: Bool { field(.secFetchMode, is: "no-cors") }

    /// Whether this is a CORS preflight: a browser asks what another site may send
    /// ([Fetch standard](https://fetch.spec.whatwg.org/#cors-preflight-request)).
    var isPreflight: Bool {
        guard method == .options, framing == .none || framing == .length(0), contains(.origin),
            let asked = value(of: .accessControlRequestMethod), !asked.isEmpty
        else { return false }
        for index in asked.indices where !asked[index].isToken { return false }
        return true
    }
}
