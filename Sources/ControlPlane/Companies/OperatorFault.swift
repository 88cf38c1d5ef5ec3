import Basics

/// Why a call of the operator API is refused, in the form of the control API's errors.
struct OperatorFault: Error {
    struct Problem {
        let field: String
        let message: String
    }

    let status: Int
    let code: String
    let message: String
    var problems: [Problem] = []
    var allowed: String?

    init(_ status: Int, _ code: String, _ message: String) {
        (self.status, self.code, self.message) = (status, code, message)
    }

    /// - Parameter problems: at least one.
    init(_ problems: [Problem]) {
        self.init(400, "invalid_request", problems.map { "\($0.field): \($0.message)" }.joined(separator: "; "))
        self.problems = problems
    }

    static func field(_ field: String, _ message: String) -> OperatorFault {
        OperatorFault([Problem(field: field, message: message)])
    }

    static let notFound = OperatorFault(404, "not_found", "There is no such company, secret or key")

    func answer(requestID: String) -> OperatorAnswer {
        let problems = problems.map { problem in
            JSONValue.object([
                JSONMember("field", .string(problem.field)), JSONMember("message", .string(problem.message)),
            ])
        }
        var answer = OperatorAnswer(
            status,
            [
                JSONMember("hasError", .bool(true)), JSONMember("errorMessage", .string(message)),
                JSONMember("code", .string(code)), JSONMember("requestId", .string(requestID)),
                JSONMember("problems", .array(problems)),
            ]
        )
        answer.allowed = allowed
        return answer
    }
}
