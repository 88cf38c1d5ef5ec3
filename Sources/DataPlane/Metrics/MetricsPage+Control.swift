extension MetricsPage {
    /// The control API's database and webhooks. Writes nothing without a control API.
    mutating func writeControl() {
        guard let control = reading.control else { return }
        if !reading.databaseFiles.isEmpty {
            let words: StaticString = "Size of the database's files, by kind."
            exposition.family("gateway_database_size_bytes", .gauge, in: .bytes, words)
            for file in reading.databaseFiles { exposition.sample([("file", file.kind)], file.size) }
        }
        write(
            "gateway_database_writes_waiting",
            .gauge,
            "Writes that wait for the transaction before them.",
            control.waitingWrites
        )
        exposition.family(
            "gateway_database_commit_duration_seconds",
            .summary,
            in: .seconds,
            "Time from the begin of a transaction until it is on disk or has failed."
        )
        exposition.summary([], count: control.commits, sum: control.commitMicroseconds, decimals: 6)
        write(
            "gateway_database_commit_failures",
            .counter,
            "Transactions that the database refused, such as on a full disk.",
            control.failedCommits
        )
        exposition.family("gateway_webhook_deliveries", .counter, "Attempts to deliver a webhook message, by outcome.")
        for (outcome, count) in control.deliveries { exposition.sample([("outcome", outcome)], count) }
        // Without a value, no alert about it ends.
        guard let waitingMessages = control.waitingMessages else { return }
        write(
            "gateway_webhook_messages_waiting",
            .gauge,
            "Messages that no webhook has got yet, also those to webhooks that are switched off.",
            waitingMessages
        )
        write(
            "gateway_webhook_oldest_message_age_seconds",
            .gauge,
            in: .seconds,
            "How long the oldest one to a webhook that is switched on has waited; 0 without any.",
            control.oldestMessageAge,
            decimals: 3
        )
    }
}
