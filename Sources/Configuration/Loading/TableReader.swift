/// One table of the document, with its place and its part of the schema.
struct TableReader {
    let place: Place
    private let schema: Schema
    private let members: [String: DocumentValue]
    let context: LoadingContext

    init(_ document: DocumentValue, context: LoadingContext) {
        self.init(document, schema: .root, place: .root, context: context)
    }

    init(_ value: DocumentValue, schema: Schema, place: Place, context: LoadingContext) {
        if case .table(let members) = value { self.members = members } else { members = [:] }
        self.schema = schema
        self.place = place
        self.context = context
    }

    /// Whether the key is present, faulty or not.
    func has(_ name: String) -> Bool {
        precondition(schema.position(of: name) != nil, "the schema does not know \(place).\(name)")
        return members[name] != nil
    }

    /// Whether the value is an empty list.
    func isEmpty(_ name: String) -> Bool {
        guard has(name), case .array(let elements)? = members[name] else { return false }
        return elements.isEmpty
    }

    /// Whether a value of one of the tables is true. Reports nothing.
    func isTrue(_ name: String, in table: String) -> Bool {
        guard case .table(let members)? = members[table], case .boolean(true)? = members[name] else { return false }
        return true
    }

    /// The value; `nil` if the key is absent or its value was reported.
    func value<Value>(_ name: String, _ form: Form<Value>) -> Value? {
        guard has(name), let value = members[name] else { return nil }
        return form.read(value, place.key(name), context)
    }

    /// The value. Reports a problem if the key is absent.
    func required<Value>(_ name: String, _ form: Form<Value>) -> Value? {
        if !has(name) { report("is missing", at: name) }
        return value(name, form)
    }

    /// Reads the value, or keeps the default if the key is absent or faulty.
    func read<Value>(_ name: String, into target: inout Value, _ form: Form<Value>) {
        if let value = value(name, form) { target = value }
    }

    func read<Value>(_ name: String, into target: inout Value?, _ form: Form<Value>) {
        if let value = value(name, form) { target = value }
    }

    /// The table with that name, or an empty one if it is absent.
    func table(_ name: String) -> TableReader {
        let inner = inner(name)
        let value = members[name] ?? .table([:])
        if case .table = value {
        } else {
            context.report(expected: "a table [\(inner.place)]", found: value, at: inner.place)
        }
        return TableReader(value, schema: inner.schema, place: inner.place, context: context)
    }

    /// The tables of an array of tables.
    func tables(_ name: String) -> [TableReader] {
        let inner = inner(name)
        let header =
            "[["
            + inner.place.steps.compactMap { if case .key(let name) = $0 { name } else { nil } }
            .joined(separator: ".") + "]]"
        guard let value = members[name] else { return [] }
        guard case .array(let elements) = value else {
            context.report(expected: "tables, each beginning with \(header)", found: value, at: inner.place)
            return []
        }
        return elements.enumerated().map { index, element in
            let place = inner.place.index(index)
            if case .table = element {} else { context.report(expected: "a table", found: element, at: place) }
            return TableReader(element, schema: inner.schema, place: place, context: context)
        }
    }

    /// Reports that an array of tables has no table. Does nothing if the key has another value, which was reported.
    func reportMissing(_ name: String, reason: String? = nil) {
        switch members[name] {
        case nil, .array: report("at least one [[\(name)]] is needed" + (reason.map { ": \($0)" } ?? ""), at: name)
        default: break
        }
    }

    func report(_ text: String, at name: String) {
        context.problems.report(text, at: place.key(name))
    }

    private func inner(_ name: String) -> (schema: Schema, place: Place) {
        guard let inner = schema.inner(name) else { preconditionFailure("the schema has no table \(place).\(name)") }
        return (inner, place.key(name))
    }
}
