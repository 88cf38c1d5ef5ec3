import Basics
import HTTPTypes

/// The calls that describe the API itself.
enum DocumentCalls {
    static let calls = [
        Call(
            method: .get,
            path: "/api/openapi.json",
            id: "getDocument",
            summary: "This document",
            tag: "Document",
            success: Call.Success(
                schema: .object([]),
                description: "The API in OpenAPI 3.1",
                example: .object([JSONMember("openapi", .string("3.1.0"))])
            ),
            handler: .open { incoming in kept(Answer(incoming.snapshot.served.document, type: "application/json")) }
        ),
        Call(
            method: .get,
            path: "/api/docs",
            id: "getDocumentation",
            summary: "The same for people",
            tag: "Document",
            success: Call.Success(
                schema: .anyText,
                description: "A page",
                mediaType: "text/html",
                example: .string("<!doctype html>")
            ),
            handler: .open { incoming in
                var answer = kept(Answer(incoming.snapshot.served.page, type: "text/html; charset=utf-8"))
                answer.fields[.contentSecurityPolicy] = DocumentPage.policy
                return answer
            }
        ),
    ]

    /// Lets it be kept for some minutes.
    private static func kept(_ answer: Answer) -> Answer {
        var answer = answer
        answer.fields[.cacheControl] = "max-age=300"
        return answer
    }
}
