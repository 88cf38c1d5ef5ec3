import Admission
import Basics
import HTTPTypes

/// Why a call is refused, worded for the caller.
struct Fault: Error, Sendable {
    let status: HTTPResponse.Status
    /// A code for programs.
    let code: String
    let message: String
    /// The error's name in [RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2); set at the
    /// token endpoint only.
    var oauthError: String?
    var fields = HTTPFields()
    /// Whether it counts as a failed attempt of the client.
    var isGuess = false
    /// What is wrong with each member or parameter.
    var problems: [Problem] = []
    /// The registration that is in the way.
    private(set) var registrationID: String?

    /// - Parameter pause: after how many seconds the call may be tried again.
    init(_ status: HTTPResponse.Status, _ code: String, _ message: String, retryAfter pause: Int? = nil) {
        self.status = status
        self.code = code
        self.message = message
        fields[.retryAfter] = pause.map(String.init)
    }

    /// A member or parameter with an invalid value.
    static func field(_ name: String, _ what: String) -> Fault { fields([Problem(name, what)]) }

    /// Members or parameters with invalid values.
    static func fields(_ problems: [Problem]) -> Fault {
        var fault = Fault(.badRequest, "invalid_request", Problems.sentence(of: problems))
        fault.problems = problems
        return fault
    }

    /// A body or a query that is wrong as a whole.
    static func malformed(_ what: String) -> Fault { field("", what) }

    static let notFound = Fault(.notFound, "not_found", "There is no such thing here")
    /// A path that no call has. Nothing of the path is repeated, which may have ids.
    ///
    /// - Parameter path: of the call that was probably meant, with `{name}` for its parameters.
    static func noSuchCall(near path: String?) -> Fault {
        let hint = path.map { "; did you mean \($0)?" } ?? ": /api/docs lists those that there are"
        return Fault(.notFound, "no_such_call", "There is no such call\(hint)")
    }

    static let companyNotFound = Fault(.notFound, "not_found", "Company not found")

    /// - Parameter limit: in bytes.
    static func tooLarge(_ limit: Int) -> Fault {
        Fault(.contentTooLarge, "too_large", "The body is larger than \(limit >> 10) KiB")
    }

    static let bodyCut = malformed("The body ends before its end")

    static let slowBody = Fault(
        .requestTimeout,
        "slow_body",
        "The body takes too long to arrive; send fewer entries at once"
    )

    static let tooManyCalls = Fault(
        .tooManyRequests,
        "too_many_calls",
        "Too many calls of this company at once; wait for some to end",
        retryAfter: 1
    )

    static let tooManyAnswers = Fault(
        .tooManyRequests,
        "too_many_answers",
        "Too much of this company's answers was not read yet; read them, or ask for shorter lists",
        retryAfter: 1
    )

    static let busy = Fault(
        .serviceUnavailable,
        "busy",
        "Too many calls like this one at once; try again shortly",
        retryAfter: 2
    )

    static func tooManyAttempts(after pause: Milliseconds) -> Fault {
        Fault(
            .tooManyRequests,
            "too_many_attempts",
            "Too many attempts failed; wait before the next",
            retryAfter: Int(max(1, (pause + 999) / 1000))
        )
    }

    /// - Parameter id: the registration that the e-mail has.
    static func alreadyRegistered(_ id: String) -> Fault {
        var fault = Fault(
            .conflict,
            "already_registered",
            "This e-mail is registered already; with \"resend\": true the answer has that registration"
        )
        fault.registrationID = id
        return fault
    }

    /// - Parameter id: the registration that has the e-mail.
    static func emailTaken(by id: String) -> Fault {
        var fault = Fault(
            .conflict,
            "already_registered",
            "Another registration for this event has the e-mail"
        )
        fault.registrationID = id
        return fault
    }

    static let eventOver = Fault(
        .conflict,
        "event_over",
        "The event is over, and a link would not open: move the event first (endDate, doorsClose), or take another one"
    )

    static let registrationExpired = Fault(
        .conflict,
        "registration_expired",
        "The registration has expired, and its link does not open: delete it, and register the person again"
    )

    /// - Parameter indexes: those of the people in the body.
    static func alreadyRegistered(at indexes: [Int]) -> Fault {
        var problems = Problems()
        for index in indexes { problems.add("[\(index)].email", "is registered already") }
        var fault = Fault(
            .conflict,
            "already_registered",
            Problems.sentence(of: problems.all) + "; nobody was registered"
        )
        fault.problems = problems.all
        return fault
    }

    static let callUnderWay = Fault(
        .conflict,
        "call_under_way",
        "The first call with this Idempotency-Key is still under way; repeat it to get its answer",
        retryAfter: 1
    )

    static let answerLost = Fault(
        .conflict,
        "answer_lost",
        "The first call with this Idempotency-Key was performed, but its answer was lost; look for what it made"
    )

    static let keyReused = Fault(
        .unprocessableContent,
        "idempotency_key_reused",
        "This Idempotency-Key was used within a day for a call that asked for something else"
    )

    /// The database cannot be used at the moment.
    ///
    /// - Parameter pause: when to try again, in seconds.
    static func unstored(retryAfter pause: Int) -> Fault {
        Fault(
            .serviceUnavailable,
            "try_again",
            "Our storage cannot be used at the moment; try again later",
            retryAfter: pause
        )
    }

    static let attendanceIsBehind = Fault(
        .serviceUnavailable,
        "try_again",
        "Attendance is being summed up after an update; try again shortly",
        retryAfter: 5
    )

    /// Told only to those who have shown that they act for the company.
    static let suspended = Fault(
        .forbidden,
        "company_suspended",
        "The company is suspended: ask whoever operates the gateway"
    )

    static let noSigningKey = Fault(
        .conflict,
        "no_signing_key",
        "The company has no key that signs links: ask whoever operates the gateway to add one"
    )

    static let inner = Fault(
        .internalServerError,
        "internal_error",
        "Something went wrong; the request id finds it in our log"
    )

    /// - Parameters:
    ///   - isTokenWrong: whether the request had an API token that is not valid.
    ///   - isGuess: whether that token was never valid.
    static func unauthorized(isTokenWrong: Bool, isGuess: Bool = false) -> Fault {
        var fault = Fault(.unauthorized, "unauthorized", "Access token is missing or invalid")
        fault.isGuess = isGuess
        fault.fields[.wwwAuthenticate] = isTokenWrong ? "Bearer error=\"invalid_token\"" : "Bearer"
        return fault
    }

    static func method(allowed: [HTTPRequest.Method]) -> Fault {
        let names = allowed.map(\.rawValue).joined(separator: ", ")
        var fault = Fault(.methodNotAllowed, "method_not_allowed", "Only \(names) can be used here")
        fault.fields[.allow] = names
        return fault
    }

    static func mediaType(_ wanted: String) -> Fault {
        Fault(.unsupportedMediaType, "unsupported_media_type", "Content-Type must be \(wanted)")
    }

    /// What is wrong, as members of an answer.
    var members: [JSONMember] {
        var members = [
            JSONMember("hasError", .bool(true)), JSONMember("errorMessage", .string(message)),
            JSONMember("code", .string(code)),
        ]
        if let registrationID { members.append(JSONMember("registrationId", .string(registrationID))) }
        return problems.isEmpty ? members : members + [JSONMember("problems", .array(problems.map(Self.value)))]
    }

    /// The body of its answer.
    func value(requestID: String) -> JSONValue {
        var members = members
        members.insert(JSONMember("requestId", .string(requestID)), at: 3)
        if let oauthError {
            members =
                [
                    JSONMember("error", .string(oauthError)), JSONMember("error_description", .string(message)),
                ] + members
        }
        return .object(members)
    }

    func answer(requestID: String) -> Answer {
        var answer = Answer(value(requestID: requestID), status: status)
        for field in fields { answer.fields[field.name] = field.value }
        return answer
    }

    private static func value(_ problem: Problem) -> JSONValue {
        .object([JSONMember("field", .string(problem.field)), JSONMember("message", .string(problem.message))])
    }
}
