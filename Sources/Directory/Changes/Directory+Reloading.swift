import Admission
import Basics
import Synchronization

extension Directory {
    /// Reads everything anew that is in memory, and tells of what was deleted meanwhile: more was changed than the log
    /// still has.
    func reload() throws {
        let fresh = DirectoryView()
        try ViewLoader(storage: storage, view: fresh).load()
        let gone = view.become(fresh)
        for event in gone.events { deleted(.event(company: event.company, uid: event.uid)) }
        for subject in gone.registrations { deleted(.registration(subject)) }
        deleted(.unknown)
        try webhookIndex.load(from: storage)
        try reloadCompanies()
        announcementWaits()
        for webhook in allWebhooks where webhook.isEnabled { deliveryIsDue(to: webhook) }
    }

    private func reloadCompanies() throws {
        guard let seal = companySeal.withLock({ $0 }) else { return }
        let there = try storage.read { try seal.companies("removed_at IS NULL", [], $0) }
        let ids = Set(there.map { ExactText($0.id) })
        let known = knownCompanies.withLock { $0 }
        for id in known.subtracting(ids) { companyChanged(id.text, nil) }
        for company in there { companyChanged(company.id, company) }
    }
}
