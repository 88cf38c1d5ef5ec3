import Admission
import Basics
import Synchronization

/// How this node obeys what others have changed: it reads the rows as they are by now, and shows what they say.
extension Directory {
    /// Obeys what other nodes change from now on, within a second, and becomes the one that works for all when no other is,
    /// if they share the database. Call it once the handlers are set.
    package func follow() throws {
        try storage.follow(
            as: follower?.id ?? "",
            leading: { [weak self] in self?.leads($0) },
            look: { [weak self] read in try self?.writer.look(read) }
        )
    }

    var obedience: ChangeFollower.Obedience {
        ChangeFollower.Obedience(
            load: { [weak self] changes, database in try self?.load(changes, database) ?? [] },
            reload: { [weak self] in try self?.reload() }
        )
    }

    /// Reads what changes name. Returns what to do then, in order.
    private func load(_ changes: [Change], _ database: Database) throws -> [ChangeFollower.Effect] {
        let named = Dictionary(grouping: Set(changes), by: \.kind)
        var effects: [ChangeFollower.Effect] = []
        // In the order in which one builds on the other.
        for kind in Change.Kind.allCases {
            guard let keys = named[kind]?.map({ $0.keys.map(\.text) }) else { continue }
            switch kind {
            case .event: effects += try events(keys, database)
            case .registration: effects += try registrations(keys, database)
            case .removals: effects += try removals(keys, database)
            case .session: effects += try sessions(keys, database)
            case .person: effects += erasures(keys)
            case .company: effects += try companies(keys, database)
            case .webhook: effects += try webhooks(keys, database)
            case .switched:
                effects += withWebhooks(keys) { directory, webhook in
                    directory.isSwitchedOn(webhook)
                    directory.deliveryIsDue(to: webhook)
                }
            case .messages: effects += withWebhooks(keys) { $0.deliveryIsDue(to: $1) }
            case .announcements: effects.append { self.announcementWaits() }
            }
        }
        return effects
    }

    private func events(_ keys: [[String]], _ database: Database) throws -> [ChangeFollower.Effect] {
        let uids = Self.list(keys, 0)
        var effects: [ChangeFollower.Effect] = []
        try ViewLoader.forEachRemovedRegistration(
            "event.uid IN (\(Self.texts)) AND event.removed_at IS NOT NULL",
            [uids],
            in: database
        ) { registration in effects.append { [view] in registration.show(in: view) } }
        try ViewLoader.forEachEvent("uid IN (\(Self.texts))", [uids], in: database) { event in
            effects.append { [self] in
                event.show(in: view)
                if event.record == nil { deleted(.event(company: event.company, uid: event.uid)) }
            }
        }
        return effects
    }

    private func registrations(_ keys: [[String]], _ database: Database) throws -> [ChangeFollower.Effect] {
        let condition = "join_code IN (\(Self.numbers))"
        let codes = Self.list(keys, 0)
        // Those whose rows are gone were deleted long ago, with their events.
        var gone = Set(keys.compactMap { Int64($0[0]) }.map { JoinCode(column: $0) })
        var effects: [ChangeFollower.Effect] = []
        try ViewLoader.forEachPerson(condition, [codes], in: database) { person, code in
            gone.remove(code)
            effects.append { [view] in view.set(person, for: code) }
        }
        try ViewLoader.forEachRemovedRegistration(condition, [codes], in: database) { registration in
            gone.remove(registration.code)
            // What begins now is written without their name.
            if registration.isErased { erasures.note(registration.uid, registration.company, at: now) }
            effects.append { [self] in
                registration.show(in: view)
                if let subject = registration.subject { deleted(.registration(subject)) }
            }
        }
        return effects + gone.map { code in { [view] in view.remove(code) } }
    }

    private func removals(_ keys: [[String]], _ database: Database) throws -> [ChangeFollower.Effect] {
        struct Place: Hashable {
            let event: ExactText
            let company: ExactText
        }
        var there: [Place: [Removal]] = [:]
        for key in keys { there[Place(event: ExactText(key[0]), company: ExactText(key[1]))] = [] }
        // Also finds those of one company in another one's event, which nobody has asked for.
        try ViewLoader.forEachRemoval(
            "event IN (\(Self.texts)) AND company IN (\(Self.texts))",
            [Self.list(keys, 0), Self.list(keys, 1)],
            in: database
        ) { there[Place(event: ExactText($0.event), company: ExactText($0.company))]?.append($0) }
        return there.map { place, removals in
            { [self] in
                for removal in view.set(removals, for: place.event.text, of: place.company.text) {
                    deleted(.viewer(removal))
                }
            }
        }
    }

    private func sessions(_ keys: [[String]], _ database: Database) throws -> [ChangeFollower.Effect] {
        var forgotten = Set(keys.compactMap { Int64($0[0]) })
        var effects: [ChangeFollower.Effect] = []
        try ViewLoader.forEachEndedSession("bits IN (\(Self.numbers))", [Self.list(keys, 0)], in: database) { session in
            forgotten.remove(Int64(bitPattern: session.bits))
            effects.append { [self] in
                view.end(session)
                deleted(.session(session))
            }
        }
        return effects
            + forgotten.map { bits in
                { [view] in view.forget(EndedSession(bits: UInt64(bitPattern: bits), until: 0)) }
            }
    }

    private func companies(_ keys: [[String]], _ database: Database) throws -> [ChangeFollower.Effect] {
        // They are read when they are opened.
        guard let seal = companySeal.withLock({ $0 }) else { return [] }
        let there = try seal.companies(
            "removed_at IS NULL AND id IN (\(Self.texts))",
            [Self.list(keys, 0)],
            database
        )
        return keys.map { key in
            let company = there.first { $0.id.hasSameBytes(as: key[0]) }
            return { [self] in companyChanged(key[0], company) }
        }
    }

    private func webhooks(_ keys: [[String]], _ database: Database) throws -> [ChangeFollower.Effect] {
        let there = try WebhookIndex.webhooks("id IN (\(Self.texts))", [Self.list(keys, 0)], database)
        return keys.map { key in
            let webhook = there.first { $0.id.hasSameBytes(as: key[0]) }
            return { [webhookIndex] in
                if let webhook { webhookIndex.set(webhook) } else { webhookIndex.remove(key[0], company: key[1]) }
            }
        }
    }

    private func withWebhooks(
        _ keys: [[String]],
        _ body: @escaping @Sendable (Directory, Webhook) -> Void
    ) -> [ChangeFollower.Effect] {
        keys.map { key in
            { [self] in if let webhook = webhook(key[0], company: key[1]) { body(self, webhook) } }
        }
    }

    // MARK: Erasures

    /// The change that an erasure is. The log keeps it for an hour: other nodes must know the e-mail, and nobody else.
    ///
    /// - Returns: none while companies, whose seal this uses, are not open: then nobody follows.
    func changes(forErasureOf folded: String, _ company: String) throws(DirectoryFault) -> [Change] {
        guard let seal = companySeal.withLock({ $0 }) else {
            guard !storage.isShared else {
                throw DirectoryFault(description: "the directory's companies are not open")
            }
            return []
        }
        return [.person(seal.seal(Array(folded.utf8), of: company, named: Self.erasure), company: company)]
    }

    /// What e-mails are sealed as. No secret of a company is called this.
    private static let erasure = "\nerased"

    private func erasures(_ keys: [[String]]) -> [ChangeFollower.Effect] {
        guard let seal = companySeal.withLock({ $0 }) else { return [] }
        return keys.compactMap { key in
            guard let bytes = seal.open(key[0], of: key[1], named: Self.erasure) else { return nil }
            let (folded, company) = (String(decoding: bytes, as: UTF8.self), key[1])
            // What begins now is written without their name.
            erasures.note(folded, company, at: now)
            return { [self] in
                deleted(.person(company: company, foldedEmail: folded))
                erasures.note(folded, company, at: now)
            }
        }
    }

    // MARK: Lists as arguments

    /// The values of a list that is an argument.
    private static let texts = """
        SELECT value COLLATE "C" FROM json_array_elements_text(CAST(? AS json)) AS list (value)
        """
    private static let numbers = "SELECT value FROM json_each(?)"

    private static func list(_ keys: [[String]], _ index: Int) -> String { JSONText.write(keys.map { $0[index] }) }
}
