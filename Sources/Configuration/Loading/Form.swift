import Basics
import JOSE

/// How a value of the document becomes a value of the settings: the expected type, and how to read it.
struct Form<Value> {
    /// Returns `nil` if it reported a problem.
    let read: (DocumentValue, Place, LoadingContext) -> Value?
}

/// What everything that loads one configuration shares.
struct LoadingContext {
    let readFile: (String) -> Result<[UInt8], FileFault>
    let problems: ProblemList
}

extension LoadingContext {
    /// Reports a value of the wrong type.
    func report(expected: String, found value: DocumentValue, at place: Place) {
        if case .faulty = value { return }
        problems.report("expected \(expected), found \(value.found)", at: place)
    }
}

extension Form {
    /// A string of a kind such as `a duration such as "90s"`.
    static func text(_ kind: String = "a string", _ parse: @escaping (String) throws(ValueFault) -> Value) -> Form {
        Form { value, place, context in
            guard case .string(let text) = value else {
                context.report(expected: kind, found: value, at: place)
                return nil
            }
            do throws(ValueFault) {
                return try parse(text)
            } catch {
                context.problems.report(error.reason, at: place)
                return nil
            }
        }
    }
}

extension Form where Value == String {
    /// A non-empty string of visible characters and spaces.
    static var name: Form {
        .text("a string", CompanyText.readName)
    }

    /// The path of a folder, which must exist.
    static var folder: Form {
        Form { value, place, context in
            guard let path = path.read(value, place, context) else { return nil }
            switch context.readFile(path) {
            case .failure(.isDirectory): return path
            case .failure(.permissionDenied): context.problems.report("permission denied: \(quoted(path))", at: place)
            case .success: context.problems.report("is a file, not a folder: \(quoted(path))", at: place)
            case .failure: context.problems.report("no such folder: \(quoted(path))", at: place)
            }
            return nil
        }
    }

    /// The name of a program in syslog, which ends where anything else begins
    /// ([RFC 3164 section 4.1.3](https://www.rfc-editor.org/rfc/rfc3164#section-4.1.3)).
    static var syslogTag: Form {
        .text { text throws(ValueFault) in
            let isTag = text.utf8.allSatisfy { $0.isLetterOrDigit || "-._".utf8.contains($0) }
            guard isTag, (1...32).contains(text.utf8.count) else {
                throw ValueFault("\(quoted(text)) is not 1 to 32 letters, digits, -, . and _")
            }
            return text
        }
    }

    /// What a gateway is called among others.
    static var nodeName: Form {
        .text { text throws(ValueFault) in
            let isName = text.utf8.allSatisfy { $0.isLetterOrDigit || "-._".utf8.contains($0) }
            guard isName, (1...64).contains(text.utf8.count) else {
                throw ValueFault("\(quoted(text)) is not 1 to 64 letters, digits, -, . and _")
            }
            return text
        }
    }

    /// The path of a file that is not read now.
    static var path: Form {
        .text("a path") { text throws(ValueFault) in
            guard !text.isEmpty else { throw ValueFault("must not be empty") }
            return text
        }
    }
}

extension Form where Value == Bool {
    static var boolean: Form {
        Form { value, place, context in
            if case .boolean(let value) = value { return value }
            context.report(expected: "true or false", found: value, at: place)
            return nil
        }
    }
}

extension Form where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Form {
        Form { value, place, context in
            guard case .integer(let number) = value else {
                context.report(expected: "an integer", found: value, at: place)
                return nil
            }
            guard range.contains(number) else {
                context.problems.report(
                    "\(number) is out of range: \(range.lowerBound) to \(range.upperBound)",
                    at: place
                )
                return nil
            }
            return number
        }
    }

    static func size(_ range: ClosedRange<Int>) -> Form {
        .text("a size such as \"64KiB\"") { text throws(ValueFault) in
            let bytes = try Size.bytes(parsing: text)
            guard range.contains(bytes) else {
                let limits = "\(Size.text(of: range.lowerBound)) to \(Size.text(of: range.upperBound))"
                throw ValueFault("\(quoted(text)) is out of range: \(limits)")
            }
            return bytes
        }
    }
}

extension Form where Value == Double {
    /// A part of a whole, from 0.0 to 1.0.
    static var share: Form {
        Form { value, place, context in
            let number: Double
            switch value {
            case .number(let given): number = given
            case .integer(let given): number = Double(given)
            default:
                context.report(expected: "a number from 0.0 to 1.0", found: value, at: place)
                return nil
            }
            guard (0...1).contains(number) else {
                context.problems.report("\(number) is out of range: 0.0 to 1.0", at: place)
                return nil
            }
            return number
        }
    }
}

extension Form where Value == Duration {
    static func duration(_ range: ClosedRange<Duration>) -> Form {
        .text("a duration such as \"90s\"") { text throws(ValueFault) in
            let duration = try Duration(parsing: text)
            guard range.contains(duration) else {
                let limits = "\(range.lowerBound.configurationText) to \(range.upperBound.configurationText)"
                throw ValueFault("\(quoted(text)) is out of range: \(limits)")
            }
            return duration
        }
    }
}

extension Form where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the cases, by its raw value.
    static var choice: Form {
        let names = Value.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        return .text("one of \(names)") { text throws(ValueFault) in
            guard let value = Value(rawValue: text) else { throw ValueFault("\(quoted(text)) is not one of \(names)") }
            return value
        }
    }
}

/// A file that the configuration names, and its content.
struct NamedFile {
    let path: String
    fileprivate(set) var bytes: [UInt8]

    /// Overwrites a secret that is no longer needed.
    mutating func wipe() { JOSE.wipe(&bytes) }

    /// The bytes without one line end at the end, which editors add unasked.
    var trimmed: [UInt8] {
        guard bytes.last == UInt8(ascii: "\n") else { return bytes }
        let line = bytes.dropLast()
        return Array(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
    }
}

extension NamedFile: Equatable {
    /// Whether both paths are the same. Does not resolve them.
    static func == (a: NamedFile, b: NamedFile) -> Bool { a.path.utf8.elementsEqual(b.path.utf8) }
}

extension Form where Value == NamedFile {
    /// The path of a file that is read at once.
    static var file: Form {
        reading { path, fault, _ in "\(fault.reason): \(path.utf8.allSatisfy { $0 > 0x1f } ? path : quoted(path))" }
    }

    /// The path of a file with a secret, read at once. If the operator has put the secret itself there, messages do not
    /// repeat it.
    static var secretFile: Form {
        reading { path, fault, context in
            let isShown =
                switch fault {
                case .notFound, .other: context.readsAsPath(path)
                case .permissionDenied, .isDirectory, .tooLarge: true
                }
            guard isShown else {
                return
                    "no such file; the value is not shown, for it may be the secret itself: write the path of a file "
                    + "that holds the secret"
            }
            return "\(fault.reason): \(path.utf8.allSatisfy { $0 > 0x1f } ? path : quoted(path))"
        }
    }

    private static func reading(
        _ complaint: @escaping (String, FileFault, LoadingContext) -> String
    ) -> Form {
        Form { value, place, context in
            guard let path = Form<String>.path.read(value, place, context) else { return nil }
            switch context.readFile(path) {
            case .success(let bytes):
                return NamedFile(path: path, bytes: bytes)
            case .failure(let fault):
                context.problems.report(complaint(path, fault, context), at: place)
                return nil
            }
        }
    }
}

extension LoadingContext {
    /// Whether a text is probably a path, not a secret: shorter than any valid secret, an absolute path to a file with
    /// an extension, or a path in an existing folder.
    fileprivate func readsAsPath(_ text: String) -> Bool {
        if text.utf8.count < 16 { return true }
        guard let slash = text.lastIndex(of: "/"), slash != text.startIndex else { return false }
        if text.hasPrefix("/"), text[slash...].contains(".") { return true }
        if case .failure(.isDirectory) = readFile(String(text[..<slash])) { return true }
        return false
    }
}

extension Form {
    /// A list. Faulty elements are reported and left out.
    static func list<Element>(of form: Form<Element>) -> Form where Value == [Element] {
        Form { value, place, context in
            guard case .array(let elements) = value else {
                context.report(expected: "a list", found: value, at: place)
                return nil
            }
            return elements.enumerated().compactMap { form.read($1, place.index($0), context) }
        }
    }

    /// A list that must not be empty. Elements that were reported still count.
    static func filled<Element>(_ list: Form<[Element]>) -> Form where Value == [Element] {
        Form { value, place, context in
            if case .array(let elements) = value, elements.isEmpty {
                context.problems.report("must not be empty", at: place)
                return nil
            }
            return list.read(value, place, context)
        }
    }

    /// A value, or a list of values without duplicates.
    static func oneOrSeveral<Element: Equatable>(_ form: Form<Element>) -> Form where Value == [Element] {
        Form { value, place, context in
            if case .array = value { return filled(.set(of: form)).read(value, place, context) }
            return form.read(value, place, context).map { [$0] }
        }
    }

    /// A list without duplicates.
    static func set<Element: Equatable>(of form: Form<Element>) -> Form where Value == [Element] {
        set(of: form, by: ==)
    }

    /// A list without duplicates.
    ///
    /// - Parameter isSame: whether two elements are duplicates.
    static func set<Element>(
        of form: Form<Element>,
        by isSame: @escaping (Element, Element) -> Bool
    ) -> Form where Value == [Element] {
        Form { value, place, context in
            guard case .array(let elements) = value else {
                context.report(expected: "a list", found: value, at: place)
                return nil
            }
            var result: [Element] = []
            for (index, element) in elements.enumerated() {
                guard let value = form.read(element, place.index(index), context) else { continue }
                if result.contains(where: { isSame($0, value) }) {
                    context.problems.report("stands there twice", at: place.index(index))
                } else {
                    result.append(value)
                }
            }
            return result
        }
    }
}
