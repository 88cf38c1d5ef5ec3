#if PostgreSQL
    import Basics
    import CPostgreSQL

    /// One result of the server, freed with this.
    @safe
    struct Answer: ~Copyable {
        let pointer: OpaquePointer

        init?(_ pointer: OpaquePointer?) {
            // SAFETY: kept, not read: what it points to belongs to this from here on.
            guard let pointer = unsafe pointer else { return nil }
            unsafe self.pointer = pointer
        }

        deinit {
            // SAFETY: it came from PQgetResult, and no copy of this exists.
            unsafe PQclear(pointer)
        }

        // SAFETY: here and below, the result lives as long as this, and libpq's texts in it are copied.
        var status: ExecStatusType { unsafe PQresultStatus(pointer) }

        /// What failed; `nil` if nothing did.
        var fault: PostgreSQLFault? {
            switch status {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE, PGRES_EMPTY_QUERY, PGRES_PIPELINE_SYNC:
                return nil
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                return PostgreSQLFault(.other, "COPY is not supported")
            default:
                break
            }
            guard let state = field(gateway_field_sqlstate).flatMap({ SQLState($0.utf8) }) else {
                return PostgreSQLFault(.connection, unsafe firstLine(PQresultErrorMessage(pointer)))
            }
            var fault = PostgreSQLFault(
                state,
                field(gateway_field_message) ?? "no message",
                constraint: field(gateway_field_constraint)
            )
            fault.isStalePlan =
                state == "26000"
                || state == "0A000" && field(gateway_field_function).hasSameBytes(as: "RevalidateCachedQuery")
            return fault
        }

        /// Whether the server ends the connection after this.
        var isLast: Bool {
            let severity = field(gateway_field_severity)
            return severity.hasSameBytes(as: "FATAL") || severity.hasSameBytes(as: "PANIC")
        }

        private func field(_ number: Int32) -> String? {
            guard let text = unsafe PQresultErrorField(pointer, number) else { return nil }
            return unsafe String(cString: text)
        }
    }

    /// The first line of a text of libpq: the others explain what every operator knows.
    // SAFETY: the caller passes a text that ends with a zero byte and lives for the call.
    @unsafe
    func firstLine(_ text: UnsafePointer<CChar>?) -> String {
        guard let text = unsafe text else { return "no message" }
        let line = unsafe String(cString: text).utf8.prefix { $0 != 0x0A }
        return line.isEmpty ? "the connection is lost" : String(decoding: line, as: UTF8.self)
    }
#endif
