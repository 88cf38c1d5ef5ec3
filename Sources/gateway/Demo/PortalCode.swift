import Basics

/// The calls of the company's backend, as code that runs as it is while the demo does.
struct PortalCode {
    let company: DemoCompany
    let event: PortalEvent
    let person: DemoPerson

    var curl: String {
        let call = PortalBackend.joinCall(event, person)
        return """
            api=\(company.apiURL)
            token=$(curl -s $api/oauth/token -d grant_type=client_credentials \\
              -d client_id=\(DemoCompany.id) -d client_secret=\(company.clientSecret) | jq -r .access_token)
            curl -s $api/v1/\(call.path) -H "Authorization: Bearer $token" \\
              -H 'Content-Type: application/json' \\
              -d '\(text(call.body))' | jq -r .\(call.answer)
            """
    }

    var node: String {
        let call = PortalBackend.joinCall(event, person)
        return """
            const api = "\(company.apiURL)";
            async function post(path, body, token) {
              const response = await fetch(`${api}/${path}`, {
                method: "POST",
                headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
                body: JSON.stringify(body),
              });
              if (!response.ok) throw new Error(await response.text());
              return response.json();
            }
            const { access_token } = await post("oauth/token", {
              grant_type: "client_credentials", client_id: "\(DemoCompany.id)",
              client_secret: "\(company.clientSecret)",
            });
            const { \(call.answer) } = await post("v1/\(call.path)",
              \(text(call.body)), access_token);
            console.log(\(call.answer));
            """
    }

    private func text(_ value: JSONValue) -> String { String(decoding: value.serialized(), as: UTF8.self) }
}
