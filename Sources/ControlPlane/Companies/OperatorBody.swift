import Basics
import GatewayConfiguration

/// The body of a call of the operator API: reads members, and collects everything that is wrong with them.
struct OperatorBody {
    private let members: [JSONMember]
    private var problems: [OperatorFault.Problem] = []

    private static let maxSize = 256 << 10

    /// - Parameter names: the members that the call knows.
    init(_ bytes: [UInt8], _ names: [String]) throws(OperatorFault) {
        let value: JSONValue
        do throws(JSONFault) {
            // Without a body, every member has its default.
            value =
                bytes.isEmpty
                ? .object([]) : try JSONValue(parsing: bytes.span, limits: JSONLimits(size: Self.maxSize))
        } catch {
            throw OperatorFault(400, "invalid_request", "The body is not JSON that can be read (\(error))")
        }
        guard case .object(let members) = value else {
            throw OperatorFault(400, "invalid_request", "The body must be a JSON object")
        }
        self.init(members, names)
    }

    private init(_ members: [JSONMember], _ names: [String]) {
        self.members = members
        for member in members where !names.contains(where: { $0.hasSameBytes(as: member.name) }) {
            report(member.name, "is not known here; there are \(names.joined(separator: ", "))")
        }
    }

    /// Whether a member is there, `null` or not.
    func has(_ name: String) -> Bool { members[name] != nil }

    func isNull(_ name: String) -> Bool { members[name] == .null }

    mutating func report(_ name: String, _ message: String) {
        problems.append(OperatorFault.Problem(field: name, message: message))
    }

    /// Call when everything was read.
    func finish() throws(OperatorFault) { if !problems.isEmpty { throw OperatorFault(problems) } }

    mutating func required<Value>(_ name: String, _ value: Value?) -> Value? {
        if value == nil, !has(name) { report(name, "is required") }
        return value
    }

    mutating func text(_ name: String, _ read: (String) throws(ValueFault) -> String) -> String? {
        guard let value = value(name) else { return nil }
        guard case .string(let text) = value else {
            report(name, "must be a text")
            return nil
        }
        do throws(ValueFault) {
            return try read(text)
        } catch {
            report(name, error.reason)
            return nil
        }
    }

    /// A list without duplicates. A single text is a list of one.
    mutating func texts(
        _ name: String,
        atMost limit: Int,
        _ read: (String) throws(ValueFault) -> String
    ) -> [String]? {
        let values: [JSONValue]
        switch value(name) {
        case nil: return nil
        case .array(let all)?: values = all
        case .string(let text)?: values = [.string(text)]
        default:
            report(name, "must be an array of texts")
            return nil
        }
        if values.count > limit { report(name, "has more than \(limit) entries") }
        var texts: [String] = []
        for (index, value) in values.prefix(limit).enumerated() {
            guard case .string(let text) = value else {
                report("\(name)[\(index)]", "must be a text")
                continue
            }
            do throws(ValueFault) {
                let text = try read(text)
                if !texts.contains(where: { $0.hasSameBytes(as: text) }) { texts.append(text) }
            } catch {
                report("\(name)[\(index)]", error.reason)
            }
        }
        return texts
    }

    /// Reads an object within the body.
    ///
    /// - Parameter names: the members that it may have.
    mutating func object(_ name: String, _ names: [String], _ read: (inout OperatorBody) -> Void) {
        guard let value = value(name) else { return }
        guard case .object(let members) = value else { return report(name, "must be an object") }
        var inner = OperatorBody(members, names)
        read(&inner)
        for problem in inner.problems { report("\(name).\(problem.field)", problem.message) }
    }

    mutating func bool(_ name: String) -> Bool? {
        guard let value = value(name) else { return nil }
        if case .bool(let value) = value { return value }
        report(name, "must be true or false")
        return nil
    }

    /// A date and time after `now`.
    mutating func moment(_ name: String, after now: Milliseconds) -> Milliseconds? {
        guard let value = value(name) else { return nil }
        if case .string(let text) = value, let moment = RFC3339.parse(text), moment > now { return moment }
        report(name, "must be a date and time in the future, such as 2030-01-31T17:00:00Z")
        return nil
    }

    /// The value; `nil` if the member is `null` or not there.
    private func value(_ name: String) -> JSONValue? {
        guard let value = members[name], value != .null else { return nil }
        return value
    }
}
