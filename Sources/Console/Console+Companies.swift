import Admission
import Basics
import Directory
import GatewayConfiguration
import Logging

/// Pages about companies and what the database holds of them.
extension Console {
    func companies(_ call: ConsoleCall, _ visitor: Visitor) -> Page {
        let form = Form(call.query)
        let start = form["from"].flatMap { Int($0) }.map { min(max(0, $0), 1 << 30) } ?? 0
        let page = CompaniesPage(companies: gateway.settings.companies, text: form.wanted, start: start)
        return Page(title: "Companies", place: .companies, visitor: visitor, content: page.html)
    }

    func company(_ call: ConsoleCall, _ visitor: Visitor) async -> ConsoleAnswer {
        await readRecords(call, visitor) { form in
            guard let id = form["id"],
                let company = self.gateway.settings.companies.first(where: { $0.id.hasSameBytes(as: id) })
            else { throw ConsoleFault("There is no such company.", status: 404) }
            let page = CompanyPage(
                company: company,
                keys: await self.keys(of: company),
                records: try await self.companyRecords(of: company.id, form, visitor),
                visitor: visitor
            )
            return Page(
                title: "Company",
                place: .companies,
                visitor: visitor,
                notice: Self.notice(form),
                content: page.html
            )
        }
    }

    /// - Returns: `nil` without a database.
    private func companyRecords(
        of company: String,
        _ form: Form,
        _ visitor: Visitor
    ) async throws -> CompanyRecords? {
        guard let records = self.records() else { return nil }
        func place(_ kind: EventKind) -> (cursor: EventCursor, moment: Milliseconds)? {
            form[.init(kind.rawValue)].flatMap(CompanyRecords.place)
        }
        let (event, hub) = (place(.event), place(.networking))
        let filter = EventFilter(moment: event?.moment ?? hub?.moment ?? clock())
        return CompanyRecords(
            company: company,
            webhooks: records.webhooks(of: company),
            events: try await records.events(
                of: company,
                .event,
                filter,
                limit: CompanyRecords.pageSize,
                after: event?.cursor
            ),
            hubs: try await records.events(
                of: company,
                .networking,
                filter,
                limit: CompanyRecords.pageSize,
                after: hub?.cursor
            ),
            moment: filter.moment,
            visitor: visitor
        )
    }

    func registrations(_ call: ConsoleCall, _ visitor: Visitor) async -> ConsoleAnswer {
        await readRecords(call, visitor) { form in
            let company = form["company"] ?? ""
            var filter = RegistrationFilter()
            filter.text = form.wanted
            let page = try await self.records()?.registrations(
                of: form["id"] ?? "",
                form["kind"].flatMap(EventKind.init(rawValue:)) ?? .event,
                company: company,
                filter,
                limit: RegistrationsPage.pageSize,
                after: form["after"].flatMap { Int64($0) }
            )
            guard let page else { throw ConsoleFault("There is no such event.", status: 404) }
            let content = RegistrationsPage(company: company, page: page, text: filter.text).html
            let title = page.event.kind == .event ? "Event" : "Networking hub"
            return Page(title: title, place: .companies, visitor: visitor, content: content)
        }
    }

    func deliveries(_ call: ConsoleCall, _ visitor: Visitor) async -> ConsoleAnswer {
        await readRecords(call, visitor) { form in
            let (company, id) = (form["company"] ?? "", form["id"] ?? "")
            let records = self.records()
            let page = try await records?.deliveries(
                to: id,
                company: company,
                status: nil,
                limit: DeliveriesPage.pageSize,
                before: form["before"].flatMap { Int64($0) }
            )
            guard let page, let webhook = records?.webhooks(of: company).first(where: { $0.id.hasSameBytes(as: id) })
            else { throw ConsoleFault("There is no such webhook.", status: 404) }
            let content = DeliveriesPage(company: company, webhook: webhook, page: page, visitor: visitor).html
            return Page(
                title: "Webhook",
                place: .companies,
                visitor: visitor,
                notice: Self.notice(form),
                content: content
            )
        }
    }

    func redeliver(_ form: Form) async throws -> ConsoleAnswer {
        let (company, webhook) = (form["company"] ?? "", form["webhook"] ?? "")
        guard let record = try await records()?.redeliver(form["id"] ?? "", to: webhook, company: company) else {
            throw ConsoleFault("There is no such message.", status: 404)
        }
        let result = record.isBehind ? "queued-behind" : "queued"
        return .redirect(to: DeliveriesPage.path(webhook, company: company, done: result))
    }

    /// A page that is made from the database.
    private func readRecords(
        _ call: ConsoleCall,
        _ visitor: Visitor,
        _ page: (Form) async throws -> Page
    ) async -> ConsoleAnswer {
        guard read(call) else { return .notAllowed("GET, HEAD") }
        do {
            return .page(200, try await page(Form(call.query)).html)
        } catch let fault as ConsoleFault {
            return failed(fault, visitor)
        } catch {
            logger.error("console: the database cannot be read", metadata: ["error": "\(error)"])
            return failed(ConsoleFault("This cannot be read. \(Self.reason(error))", status: 500), visitor)
        }
    }
}
