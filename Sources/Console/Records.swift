package import Admission
package import Directory

/// What the database holds of companies, as the console reads it.
package protocol Records: Sendable {
    /// Why the database takes no writes; `nil` if it does.
    var storageFault: StorageFault? { get }

    func events(
        of company: String,
        _ kind: EventKind,
        _ filter: EventFilter,
        limit: Int,
        after: EventCursor?
    ) async throws -> EventPage

    /// Returns `nil` if the company has no such event.
    func registrations(
        of uid: String,
        _ kind: EventKind,
        company: String,
        _ filter: RegistrationFilter,
        limit: Int,
        after: Int64?
    ) async throws -> RegistrationPage?

    func webhooks(of company: String) -> [Webhook]

    /// Latest first. Returns `nil` if the company has no such webhook.
    func deliveries(
        to webhook: String,
        company: String,
        status: DeliveryRecord.Status?,
        limit: Int,
        before: Int64?
    ) async throws -> DeliveryPage?

    /// Delivers a message again. Returns `nil` if there is none.
    func redeliver(_ uid: String, to webhook: String, company: String) async throws -> DeliveryRecord?
}

extension Directory: Records {}
