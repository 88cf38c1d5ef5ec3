import Basics
import HTTPTypes

/// The errors of a call, for the OpenAPI document.
enum FaultExamples {
    /// By status, each with all the codes that it may have there.
    static func all(of call: Call) -> [(status: Int, faults: [Fault])] {
        var faults = general(call)
        if call.hasOAuthFaults {
            faults += oauth
        } else if call.needsToken {
            faults += [
                .unauthorized(isTokenWrong: true), .suspended, .tooManyAttempts(after: 30_000), .tooManyCalls,
                .tooManyAnswers,
            ]
        }
        if call.faults.contains(404) { faults.append(.notFound) }
        faults += call.conflicts
        if call.makesLinks || call.query.contains(where: { $0.name.hasSameBytes(as: RegistrationJSON.include.name) }) {
            faults.append(.noSigningKey)
        }
        if call.mayBeNamed { faults += [.callUnderWay, .answerLost, .keyReused] }
        if call.cost != .little || call.faults.contains(503) { faults.append(.busy) }
        var byStatus: [Int: [Fault]] = [:]
        for var fault in faults {
            if call.hasOAuthFaults { fault.oauthError = fault.code }
            byStatus[fault.status.code, default: []].append(fault)
        }
        return byStatus.map { (status: $0.key, faults: $0.value) }.sorted { $0.status < $1.status }
    }

    private static func general(_ call: Call) -> [Fault] {
        var faults = [Fault.inner, .unstored(retryAfter: 30), .method(allowed: [.get, .head])]
        if call.body != nil {
            let media = BodyReader.mediaTypes(takesForms: call.takesForms)
            faults += [.fields(problems), .tooLarge(call.maxBody), .mediaType(media)]
            if call.hasLargeBody { faults.append(.slowBody) }
        } else if call.needsToken {
            faults.append(.fields(problems))
        }
        return faults
    }

    private static let problems = [
        Problem("endDate", "must be after startDate"),
        Problem("limt", "is not a known parameter; did you mean \"limit\"?"),
    ]

    private static let oauth = [
        TokenCalls.unsupportedGrant, TokenCalls.suspendedClient, TokenCalls.invalidClient(isBasic: true),
        .tooManyAttempts(after: 30_000),
    ]
}
