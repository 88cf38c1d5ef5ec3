import Basics
import GatewayConfiguration

/// Keys and client secrets of companies that the database has. The operator API lists, adds and revokes them: the console
/// makes the same calls as anybody who shows the operators' token there.
extension Console {
    /// `nil` if the configuration's file has the company, or while nobody can say.
    func keys(of company: CompanySettings) async -> CompanyKeys? {
        guard company.isInDirectory else { return nil }
        return (try? await operate("GET", company.id)).map(CompanyKeys.init)
    }

    func addSecret(_ form: Form, _ visitor: Visitor) async throws -> ConsoleAnswer {
        let id = try storedCompany(form).id
        let until = try Overlap.end(form, at: clock(), back: CompanyPage.path(id))
        let made = try await operate("POST", id, "/secrets", until.map { [Overlap.member($0)] } ?? [])
        return show(made.text("secret") ?? "", of: made.text("id") ?? "", company: id, visitor)
    }

    func addKey(_ form: Form, _ visitor: Visitor) async throws -> ConsoleAnswer {
        let id = try storedCompany(form).id
        let key = try NewKey(form, at: clock(), back: CompanyPage.path(id))
        let made = try await operate("POST", id, "/keys", key.members)
        if let secret = key.made { return show(secret, of: made.text("id") ?? "", company: id, visitor) }
        return .redirect(to: CompanyPage.path(id, done: "key-added"))
    }

    /// Shows a secret in the answer to the call that made it, and nowhere else.
    private func show(_ secret: String, of id: String, company: String, _ visitor: Visitor) -> ConsoleAnswer {
        let page = Page(
            title: "New secret",
            place: .companies,
            visitor: visitor,
            // So that loading the page again neither makes another one nor shows this one.
            address: CompanyPage.path(company),
            content: NewSecretPage(secret: secret, id: id, company: company).html
        )
        return .page(201, page.html)
    }

    func revocation(_ call: ConsoleCall, _ visitor: Visitor) async -> ConsoleAnswer {
        guard read(call) else { return await act(call, visitor, revoke) }
        do {
            let form = RevocationForm(try await revocable(Form(call.query)), visitor: visitor)
            let page = Page(title: form.title, place: .companies, visitor: visitor, content: form.html)
            return .page(200, page.html)
        } catch let fault as ConsoleFault {
            return failed(fault, visitor)
        } catch {
            return failed(ConsoleFault("That cannot be read.", status: 500), visitor)
        }
    }

    private func revoke(_ form: Form) async throws -> ConsoleAnswer {
        let chosen = try await revocable(form)
        let (kind, id) = (chosen.entry.isKey ? "keys" : "secrets", chosen.entry.id)
        _ = try await operate("DELETE", chosen.company, "/\(kind)/\(id)")
        let done = chosen.entry.isKey ? "key-revoked" : "secret-revoked"
        return .redirect(to: CompanyPage.path(chosen.company, done: done))
    }

    /// The key or client secret that a form names, if its company has it: nothing else becomes part of a call's path.
    private func revocable(_ form: Form) async throws -> (company: String, entry: CompanyKeys.Entry) {
        let company = try storedCompany(form)
        let keys = CompanyKeys(try await operate("GET", company.id))
        let isKey = form["kind"].hasSameBytes(as: "key")
        guard let id = form["id"],
            let entry = (isKey ? keys.keys : keys.secrets).first(where: { $0.id.hasSameBytes(as: id) })
        else {
            let text = "The company has no such key or client secret any more."
            throw ConsoleFault(text, status: 404, back: CompanyPage.path(company.id))
        }
        return (company.id, entry)
    }

    /// The company that a form names.
    ///
    /// - Throws: if there is none, or the configuration's file has it.
    private func storedCompany(_ form: Form) throws -> CompanySettings {
        let id = form["company"] ?? ""
        guard let company = gateway.settings.companies.first(where: { $0.id.hasSameBytes(as: id) }) else {
            throw ConsoleFault("There is no such company.", status: 404, back: Page.Place.companies.path)
        }
        guard company.isInDirectory else {
            let text = "This company is in the configuration file: change its keys there, and reload."
            throw ConsoleFault(text, status: 409, back: CompanyPage.path(company.id))
        }
        return company
    }

    /// Calls the operator API about a company.
    ///
    /// - Throws: if it refuses, with its words.
    private func operate(
        _ method: String,
        _ company: String,
        _ path: String = "",
        _ body: [JSONMember] = []
    ) async throws -> [JSONMember] {
        let call = OperatorCall(
            method: method,
            path: "/companies/\(company)\(path)",
            body: body.isEmpty ? [] : JSONValue.object(body).serialized()
        )
        let back = CompanyPage.path(company)
        guard let answer = await gateway.operate(call) else {
            throw ConsoleFault("The database is not open at the moment. Try again soon.", status: 503, back: back)
        }
        let members: [JSONMember] = if case .object(let members)? = answer.body { members } else { [] }
        guard answer.status < 400 else {
            let text = "\(members.text("errorMessage") ?? "The operator API refused the call")."
            throw ConsoleFault(text, status: answer.status, back: back)
        }
        return members
    }
}
