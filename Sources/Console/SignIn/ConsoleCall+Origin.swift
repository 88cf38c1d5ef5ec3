import Basics

extension ConsoleCall {
    /// Whether a page of the console has sent this, or nobody can say that another one has.
    ///
    /// Browsers say so themselves (`Sec-Fetch-Site`, [Fetch Metadata][1]) where the connection is private enough: over TLS,
    /// and to this machine. Elsewhere the page's origin must have the host that the request is for.
    ///
    /// [1]: https://www.w3.org/TR/fetch-metadata/
    var isFromConsole: Bool {
        if let fetchSite { return fetchSite.elementsEqual("same-origin".utf8) }
        guard let origin, let authority else { return false }
        for scheme in ["http://", "https://"] where origin.elementsEqual(scheme.utf8 + authority) { return true }
        return false
    }
}
