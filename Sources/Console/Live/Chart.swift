import Basics

/// A chart of an hour, drawn as lines of SVG.
struct Chart: Sendable {
    /// What is drawn, its newest value last. `nil` where there is none.
    struct Line: Sendable {
        let name: String
        let values: [Double?]
    }

    let key: String
    let title: String
    let unit: String
    let lines: [Line]

    /// The drawing's height. Its width is one for each value.
    static let height = 100

    /// The value at the upper edge: the next of 1, 2 and 5 times a power of ten.
    var top: Double {
        let most = lines.flatMap(\.values).compactMap(\.self).max() ?? 0
        var step = 1.0
        while step < most {
            if step * 2 >= most { return step * 2 }
            if step * 5 >= most { return step * 5 }
            step *= 10
        }
        return step
    }

    /// The path of each line, and of the dots where a value stands alone.
    var paths: [(key: String, path: String)] {
        let top = top
        return lines.enumerated().flatMap { number, line in
            [
                ("\(key).\(number)", Self.path(line.values, top: top)),
                ("\(key).\(number).dots", Self.dots(line.values, top: top)),
            ]
        }
    }

    /// The values of each line, for whoever points at one.
    var values: [(key: String, values: String)] {
        lines.enumerated().map { number, line in ("\(key).\(number)", Self.list(line.values)) }
    }

    /// A line through values, with gaps where there are none.
    static func path(_ values: [Double?], top: Double) -> String {
        var path = ""
        var isDrawing = false
        for (index, value) in values.enumerated() {
            guard let value else {
                isDrawing = false
                continue
            }
            path += "\(isDrawing ? "L" : "M")\(index) \(place(value, top: top))"
            // A single value would be a line without length.
            if !isDrawing { path += "h.1" }
            isDrawing = true
        }
        return path
    }

    /// The values without a neighbour, of which a line shows next to nothing.
    static func dots(_ values: [Double?], top: Double) -> String {
        var path = ""
        for (index, value) in values.enumerated() {
            let isLone =
                (index == 0 || values[index - 1] == nil) && (index + 1 == values.count || values[index + 1] == nil)
            guard let value, isLone else { continue }
            path += "M\(index) \(place(value, top: top))h.1"
        }
        return path
    }

    /// How far below the upper edge a value is drawn.
    private static func place(_ value: Double, top: Double) -> String {
        let share = min(max(value / top, 0), 1)
        // Tenths are finer than a screen.
        let tenths = Int((Double(height * 10) * (1 - share)).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }

    /// Values with commas between them, to the hundredth; nothing where there is none.
    static func list(_ values: [Double?]) -> String {
        values.map { value in
            guard let value, value.isFinite, value >= 0, value < 1e15 else { return "" }
            let hundredths = Int((value * 100).rounded())
            guard hundredths % 100 != 0 else { return "\(hundredths / 100)" }
            return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
        }.joined(separator: ",")
    }

    var html: HTML {
        let top = top
        let drawings = lines.enumerated().map { number, line -> HTML in
            let key = "\(key).\(number)"
            return """
                <path class="line\(number)" data-path="\(key)" data-name="\(line.name)" data-values="\(Self.list(line.values))" \
                d="\(Self.path(line.values, top: top))"/>\
                <path class="line\(number) dot" data-path="\(key).dots" d="\(Self.dots(line.values, top: top))"/>
                """
        }
        var legend: [HTML] = []
        for (number, line) in lines.enumerated() where lines.count > 1 {
            legend.append("<span class=\"key line\(number)\">\(line.name)</span> ")
        }
        let width = lines.first?.values.count ?? 1
        let quarters = (1...3).map { "M\(width * $0 / 4) 0V\(Self.height)" }.joined()
        // Arrow keys move along the hour, and who cannot see the drawing hears the values.
        return """
            <figure class="chart">
            <figcaption><strong>\(title)</strong> <span class="legend">\(legend)</span>\
            <span class="top">0 to <span data-live="\(key).top">\(topText)</span> \(unit)</span></figcaption>
            <svg viewBox="0 0 \(width) \(Self.height)" preserveAspectRatio="none" tabindex="0" role="slider" \
            aria-label="\(title) over the last hour" aria-readonly="true" aria-valuemin="0" aria-valuemax="\(width - 1)" \
            aria-valuenow="\(width - 1)" data-unit="\(unit)">\
            <path class="grid" d="M0 \(Self.height / 2)H\(width)\(quarters)"/>\(drawings)<path class="cursor" d=""/></svg>
            <div class="axis"><span>an hour ago</span><span>45 min</span><span>30 min</span><span>15 min</span>\
            <span>now</span></div>
            <p class="at" aria-hidden="true"></p>
            </figure>

            """
    }

    var topText: String { Numbers.text(top) }
}

/// Numbers as people read them.
enum Numbers {
    /// With thin spaces between thousands.
    static func text(_ number: Int) -> String {
        let digits = Array(String(abs(number)).utf8)
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "\u{202f}" }
            text.unicodeScalars.append(Unicode.Scalar(digit))
        }
        return text
    }

    /// With one decimal below 100, unless it is zero, and with two below a tenth. What is more than zero is never shown as
    /// zero.
    static func text(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "–" }
        let hundredths = Int((number * 100).rounded())
        if number > 0, hundredths == 0 { return "< 0.01" }
        if number > 0, hundredths < 10 { return "0.0\(hundredths)" }
        let tenths = Int((number * 10).rounded())
        guard abs(number) < 100, tenths % 10 != 0 else { return text(Int(number.rounded())) }
        return "\(tenths / 10).\(abs(tenths % 10))"
    }

    /// A share in percent. Neither none nor all, unless it is.
    static func percent(_ part: Int, of whole: Int) -> String {
        guard whole > 0 else { return "0 %" }
        let percent = Double(part) / Double(whole) * 100
        if part > 0, percent < 0.1 { return "< 0.1 %" }
        if part < whole, percent > 99.9 { return "> 99.9 %" }
        return "\(text(percent)) %"
    }

    /// A length of time in milliseconds.
    static func milliseconds(_ time: Double?) -> String {
        guard let time else { return "–" }
        return time < 1000 ? "\(text(time)) ms" : "\(text(time / 1000)) s"
    }

    /// The word for one thing, or for several.
    static func noun(_ number: Int, _ one: String, _ several: String) -> String { number == 1 ? one : several }

    static func bytes(_ count: Int) -> String {
        count < 1 << 30 ? "\(text(Double(count) / 1_048_576)) MiB" : "\(text(Double(count) / 1_073_741_824)) GiB"
    }

    /// A time since something, in its two largest units.
    static func age(_ time: Milliseconds) -> String {
        let seconds = max(time, 0) / 1000
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<86_400: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: return "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
        }
    }
}

extension HTML {
    /// A moment in UTC. The script shows the browser's time when somebody points at it.
    static func moment(_ moment: Milliseconds) -> HTML {
        let text = Timestamp.text(moment)
        let (date, time) = (String(text.prefix(10)), String(text.dropFirst(11).prefix(8)))
        return "<time datetime=\"\(text)\">\(date) \(time)</time>"
    }
}
