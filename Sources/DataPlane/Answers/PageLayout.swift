/// A page with slots for what differs between pages: `{{title}}`.
struct PageLayout: Sendable {
    enum Slot: String, CaseIterable, Sendable {
        case lang
        case dir
        case title
        case detail
        /// Further elements of the head.
        case head
        /// The company.
        case brand
        /// The event's name and start.
        case event
        /// Notes and buttons.
        case more
        /// What a viewer tells the support: the code and the request's id.
        case reference
    }

    private enum Piece: Sendable {
        case text([UInt8])
        case slot(Slot)
    }

    private var pieces: [Piece] = []

    init(_ text: String) {
        var rest = text[...]
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            if let slot = Slot(rawValue: String(rest[open.upperBound..<close.lowerBound])) {
                append(Array(rest[..<open.lowerBound].utf8))
                pieces.append(.slot(slot))
            } else {
                append(Array(rest[..<close.upperBound].utf8))
            }
            rest = rest[close.upperBound...]
        }
        append(Array(rest.utf8))
    }

    private mutating func append(_ bytes: [UInt8]) {
        guard case .text(let text)? = pieces.last else { return pieces.append(.text(bytes)) }
        pieces[pieces.count - 1] = .text(text + bytes)
    }

    /// Returns the layout with some slots filled. Those for which `html` returns `nil` stay.
    func filled(_ html: (Slot) -> String?) -> PageLayout {
        var layout = self
        layout.pieces = []
        for piece in pieces {
            switch piece {
            case .text(let text): layout.append(text)
            case .slot(let slot):
                if let html = html(slot) { layout.append(Array(html.utf8)) } else { layout.pieces.append(piece) }
            }
        }
        return layout
    }

    /// The page with all slots filled that are left.
    func page(_ html: (Slot) -> String) -> [UInt8] {
        var page: [UInt8] = []
        page.reserveCapacity(4096)
        for piece in pieces {
            switch piece {
            case .text(let text): page += text
            case .slot(let slot): page += html(slot).utf8
            }
        }
        return page
    }
}
