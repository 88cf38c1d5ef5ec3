extension MetricsPage {
    mutating func writeState() {
        exposition.family("gateway_build", .info, "The version of the program.")
        exposition.sample([("version", reading.version)], 1)
        write("gateway_ready", .gauge, "Whether load balancers should send viewers here.", reading.isReady ? 1 : 0)
        write("gateway_draining", .gauge, "Whether the process is about to stop.", reading.isDraining ? 1 : 0)
        exposition.family("gateway_config_reloads", .counter, "Reloads of the configuration, by result.")
        exposition.sample([("result", "success")], reading.reloads.successes)
        exposition.sample([("result", "failure")], reading.reloads.failures)
        write(
            "gateway_config_last_reload_successful",
            .gauge,
            "Whether the last reload put its configuration into effect.",
            reading.reloads.hasSucceeded ? 1 : 0
        )
        write(
            "gateway_config_last_reload_success_timestamp_seconds",
            .gauge,
            in: .seconds,
            "When a configuration was last put into effect.",
            Int(reading.reloads.succeededAt),
            decimals: 3
        )
        write(
            "gateway_config_unusable_files",
            .gauge,
            "Files of keys and certificates that cannot be used as they are now: their former content is.",
            reading.unusableFiles
        )
        exposition.family(
            "gateway_certificate_expiry_timestamp_seconds",
            .gauge,
            in: .seconds,
            "When a listener's certificate expires."
        )
        for certificate in reading.certificates {
            exposition.sample([("certificate", certificate.place)], Int(certificate.expiresAt))
        }
        write(
            "gateway_access_log_lines_dropped",
            .counter,
            "Lines of the access log that could not be written.",
            reading.lostLogLines
        )
        writeTracing()
        write("gateway_loops", .gauge, "Event loops.", reading.loops)
        exposition.family(
            "gateway_overloaded_loops",
            .gauge,
            "Event loops that refuse requests without a session, by what they lack."
        )
        exposition.sample([("lack", "time")], reading.laggingLoops)
        exposition.sample([("lack", "memory")], reading.isShortOfMemory ? reading.loops : 0)
        exposition.family(
            "gateway_loop_lag_seconds",
            .histogram,
            in: .seconds,
            "How late timers of the event loops ran, ten times a second for each loop."
        )
        exposition.histogram([], counts.lag[...])
    }

    private mutating func writeTracing() {
        let tally = reading.tracing
        write("gateway_tracing_spans_exported", .counter, "Spans that the collector has taken.", tally.exported)
        exposition.family(
            "gateway_tracing_spans_dropped",
            .counter,
            "Spans that are lost: the queue was full, or the collector was away for too long, or refused them."
        )
        exposition.sample([("reason", "queue_full")], tally.overflowed)
        exposition.sample([("reason", "undelivered")], tally.undelivered)
        exposition.sample([("reason", "rejected")], tally.rejected)
        write(
            "gateway_tracing_export_failures",
            .counter,
            "Exports of spans that failed, also those that were repeated.",
            tally.failures
        )
        write("gateway_tracing_spans_waiting", .gauge, "Spans that wait to be exported.", tally.waiting)
    }

    /// The names that Prometheus users expect of every process.
    mutating func writeProcess() {
        let process = reading.process
        write(
            "process_cpu_seconds",
            .counter,
            in: .seconds,
            "Total user and system CPU time spent in seconds.",
            process.processorTime,
            decimals: 3
        )
        write(
            "process_resident_memory_bytes",
            .gauge,
            in: .bytes,
            "Resident memory size in bytes.",
            process.residentMemory
        )
        write(
            "process_virtual_memory_bytes",
            .gauge,
            in: .bytes,
            "Virtual memory size in bytes.",
            process.virtualMemory
        )
        write("process_open_fds", .gauge, "Number of open file descriptors.", process.openDescriptors)
        write("process_max_fds", .gauge, "Maximum number of open file descriptors.", process.descriptorLimit)
        write(
            "process_start_time_seconds",
            .gauge,
            in: .seconds,
            "Start time of the process since unix epoch in seconds.",
            Int(process.startedAt),
            decimals: 3
        )
    }
}
