import Admission
import Basics
import Directory
import HTTPTypes

/// A company.
enum CompanyCalls {
    static let calls = [
        Call(
            method: .get,
            path: "/api/v1/company/{companyId}",
            id: "getCompany",
            summary: "The company with the uids of its events",
            tag: "Company",
            success: Call.Success(schema: schema, description: "The company"),
            faults: [404],
            cost: .list,
            handler: .company { incoming, tenant in
                try incoming.checkOwnCompany(tenant)
                let events = try await incoming.directory.eventIDs(of: tenant.id)
                return Answer(
                    .object([
                        JSONMember("uid", .string(tenant.id)), JSONMember("name", .string(tenant.name)),
                        JSONMember("logo", tenant.logo.map(JSONValue.string) ?? .null),
                        JSONMember("parentCompanyId", .null),
                        JSONMember("eventIds", .array(events.map(JSONValue.string))),
                        JSONMember("metadata", .object([])),
                    ])
                )
            }
        )
    ]

    static let schema = Schema.named(
        "Company",
        .object([
            Schema.Member(name: "uid", schema: .anyText, isRequired: true),
            Schema.Member(name: "name", schema: .anyText, isRequired: true),
            Schema.Member(
                name: "logo",
                schema: .nullable(.anyText),
                isRequired: true,
                description: "The URL of the logo on the gateway's pages."
            ),
            Schema.Member(name: "parentCompanyId", schema: .nullable(.anyText), isRequired: true),
            Schema.Member(name: "eventIds", schema: .list(.uuid), isRequired: true),
            Schema.Member(name: "metadata", schema: .document, isRequired: true, description: "Always empty."),
        ])
    )
}
