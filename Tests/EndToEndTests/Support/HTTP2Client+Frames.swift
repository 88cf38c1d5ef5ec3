/// Interprets the gateway's frames, and detects which of them break the rules.
extension HTTP2Client {
    func take(_ frame: HTTP2Frame) {
        if !hasSettings, frame.kind != HTTP2Frame.Kind.settings { faults.append("SETTINGS is not first: \(frame)") }
        if frame.payload.count > 16_384 { faults.append("larger than SETTINGS_MAX_FRAME_SIZE: \(frame)") }
        if let openBlock, frame.kind != HTTP2Frame.Kind.continuation || frame.stream != openBlock.stream {
            faults.append("within a header block: \(frame)")
        }
        switch frame.kind {
        case HTTP2Frame.Kind.data: takeData(frame)
        case HTTP2Frame.Kind.headers: takeHeaders(frame)
        case HTTP2Frame.Kind.continuation: takeContinuation(frame)
        case HTTP2Frame.Kind.reset: takeReset(frame)
        case HTTP2Frame.Kind.settings: takeSettings(frame)
        case HTTP2Frame.Kind.ping: takePing(frame)
        case HTTP2Frame.Kind.goAway:
            goAways.append((HTTP2ErrorCode(rawValue: frame.word(at: 4)), frame.word(at: 0)))
        case HTTP2Frame.Kind.windowUpdate: takeWindowUpdate(frame)
        case HTTP2Frame.Kind.pushPromise: faults.append("pushed: \(frame)")
        default: break
        }
    }

    private func takeData(_ frame: HTTP2Frame) {
        let count = frame.payload.count
        credit -= count
        if credit < 0 { faults.append("past the window of the connection: \(frame)") }
        // Remove it while it changes: a body with another reference would be copied for each frame.
        guard streams[frame.stream].map({ $0.hasHead && !$0.isEnded }) ?? false, let body = frame.unpadded,
            var stream = streams.removeValue(forKey: frame.stream)
        else { return faults.append("out of place: \(frame)") }
        stream.credit -= count
        if stream.credit < 0, count > 0 { faults.append("past the window of the stream: \(frame)") }
        stream.response.body += body
        stream.pieces.append(count)
        stream.isEnded = frame.has(HTTP2Frame.Flag.endStream)
        if refillsWindows, count > 0 {
            credit += count
            var bytes = HTTP2Frame.windowUpdate(0, UInt32(count)).bytes
            if !stream.isEnded {
                stream.credit += count
                bytes += HTTP2Frame.windowUpdate(frame.stream, UInt32(count)).bytes
            }
            send(bytes)
        }
        streams[frame.stream] = stream
    }

    private func takeHeaders(_ frame: HTTP2Frame) {
        guard let payload = frame.unpadded else { return faults.append("padding: \(frame)") }
        let block = Array(payload.dropFirst(frame.has(HTTP2Frame.Flag.priority) ? 5 : 0))
        openBlock = (frame.stream, frame.flags, block)
        if frame.has(HTTP2Frame.Flag.endHeaders) { takeBlock() }
    }

    private func takeContinuation(_ frame: HTTP2Frame) {
        guard openBlock != nil else { return faults.append("out of place: \(frame)") }
        openBlock?.bytes += frame.payload
        if frame.has(HTTP2Frame.Flag.endHeaders) { takeBlock() }
    }

    private func takeBlock() {
        guard let (id, flags, bytes) = openBlock else { return }
        openBlock = nil
        let fields: [Field]
        do throws(HPACKFault) {
            fields = try decoder.decode(bytes)
        } catch {
            return faults.append("header block on stream \(id): \(error)")
        }
        guard var stream = streams[id], !stream.isEnded else {
            return faults.append("HEADERS on stream \(id), which is not open")
        }
        defer { streams[id] = stream }
        let isEnd = flags & HTTP2Frame.Flag.endStream != 0
        for field in fields where !Self.isAllowed(field) { faults.append("stream \(id): field \(field)") }
        if stream.hasHead {
            if !isEnd || fields.contains(where: { $0.name.hasPrefix(":") }) {
                faults.append("stream \(id): trailers \(fields), END_STREAM \(isEnd)")
            }
            stream.response.trailers = fields
            stream.isEnded = true
            return
        }
        guard fields.first?.name == ":status", fields.values(":status").count == 1, let status = Int(fields[0].value)
        else { return faults.append("stream \(id): \(fields)") }
        if status < 200 {
            if isEnd || status == 101 { faults.append("stream \(id): interim \(status), END_STREAM \(isEnd)") }
            stream.response.interimFields += fields.dropFirst()
            return stream.response.interim.append(status)
        }
        stream.response.version = "HTTP/2"
        stream.response.status = status
        stream.response.fields = Array(fields.dropFirst())
        stream.hasHead = true
        stream.isEnded = isEnd
    }

    /// [RFC 9113, section 8.2](https://www.rfc-editor.org/rfc/rfc9113#section-8.2).
    private static func isAllowed(_ field: Field) -> Bool {
        let own = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]
        return field.name == field.name.lowercased() && !own.contains(field.name)
            && !field.value.utf8.contains { $0 == 0 || $0 == 10 || $0 == 13 }
            && (!field.name.hasPrefix(":") || field.name == ":status")
    }

    private func takeReset(_ frame: HTTP2Frame) {
        guard streams[frame.stream] != nil, frame.payload.count == 4 else {
            return faults.append("out of place: \(frame)")
        }
        streams[frame.stream]?.reset = HTTP2ErrorCode(rawValue: frame.word(at: 0))
    }

    private func takeSettings(_ frame: HTTP2Frame) {
        if frame.stream != 0 || frame.payload.count % 6 != 0 { faults.append("malformed: \(frame)") }
        if frame.has(HTTP2Frame.Flag.ack) {
            if !frame.payload.isEmpty { faults.append("malformed: \(frame)") }
            acknowledgements += 1
            return
        }
        hasSettings = true
        for (setting, value) in frame.settings {
            settings[setting] = value
            guard setting == .initialWindowSize else { continue }
            let change = Int(value) - initialWindow
            initialWindow = Int(value)
            for id in streams.keys { streams[id]?.window += change }
        }
        if acknowledges { send(HTTP2Frame.settingsAck.bytes) }
    }

    private func takePing(_ frame: HTTP2Frame) {
        if frame.stream != 0 || frame.payload.count != 8 { faults.append("malformed: \(frame)") }
        if frame.has(HTTP2Frame.Flag.ack) {
            pongs.append(frame.payload)
        } else if acknowledges {
            send(HTTP2Frame.ping(frame.payload, ack: true).bytes)
        }
    }

    private func takeWindowUpdate(_ frame: HTTP2Frame) {
        guard frame.payload.count == 4, frame.word(at: 0) > 0 else { return faults.append("malformed: \(frame)") }
        let increment = Int(frame.word(at: 0))
        if frame.stream == 0 { window += increment } else { streams[frame.stream]?.window += increment }
        if window > 0x7fff_ffff || streams[frame.stream]?.window ?? 0 > 0x7fff_ffff {
            faults.append("past the largest window: \(frame)")
        }
    }
}

extension HTTP2Frame {
    func word(at index: Int) -> UInt32 {
        guard payload.count >= index + 4 else { return 0 }
        return payload[index..<(index + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The payload of DATA or HEADERS without padding; `nil` if the padding is longer than the frame.
    var unpadded: [UInt8]? {
        guard has(Flag.padded) else { return payload }
        guard let first = payload.first, Int(first) < payload.count else { return nil }
        return Array(payload[1..<(payload.count - Int(first))])
    }

    var settings: [(HTTP2Setting, UInt32)] {
        stride(from: 0, to: payload.count - payload.count % 6, by: 6).map { index in
            (
                HTTP2Setting(rawValue: UInt16(payload[index]) << 8 | UInt16(payload[index + 1])),
                word(at: index + 2)
            )
        }
    }
}
