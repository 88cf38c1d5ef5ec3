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
            success: Call.Success(schema: .object([]), description: "The API in OpenAPI 3.1"),
            handler: .open { incoming in
                var answer = Answer(incoming.snapshot.document, type: "application/json")
                answer.fields[.cacheControl] = "max-age=300"
                return answer
            }
        )
    ]
}
