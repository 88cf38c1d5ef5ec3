/// Where a viewer joins from, as far as attendance has it: coarse, and never a header field as it was sent.
package struct ArrivalSource: Sendable, Equatable {
    /// The kind of device.
    package enum Device: String, Sendable, CaseIterable {
        case desktop, mobile, tablet, other
    }

    /// The family of browsers.
    package enum Browser: String, Sendable, CaseIterable {
        case chrome, edge, firefox, opera, safari, samsung, other
    }

    /// Stands for all sites that the company has not listed.
    package static let otherSite = "other"

    /// `nil` if nothing is known.
    package var device: Device?
    package var browser: Browser?
    /// The host of the page's origin if the company has listed it, as it is listed, or ``otherSite``. `nil` if no page
    /// was named, or one of the gateway's own.
    package var site: String?

    package init(device: Device? = nil, browser: Browser? = nil, site: String? = nil) {
        (self.device, self.browser, self.site) = (device, browser, site)
    }
}

/// Its binary form, for the process that takes this one's place.
extension SealedBytes {
    mutating func write(_ source: ArrivalSource) {
        write(source.device?.rawValue)
        write(source.browser?.rawValue)
        write(source.site)
    }

    mutating func readSource() -> ArrivalSource? {
        guard let device = readText(), let browser = readText(), let site = readText() else { return nil }
        return ArrivalSource(
            device: device.flatMap(ArrivalSource.Device.init(rawValue:)),
            browser: browser.flatMap(ArrivalSource.Browser.init(rawValue:)),
            site: site
        )
    }
}
