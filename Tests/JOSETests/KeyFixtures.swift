/// Key files made with `openssl`, in forms that ``Key`` cannot produce itself. For these tests only.
enum KeyFixtures {
    static let rsa1024 = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDcbjPeEk0SOT+L15w3xoFUjsM4
        NkJes4omNkGh8Ty32WeVHmv8+0I8G5cJtFKXKz2+bKehFIUYe1YxmwvuBlGtOwL8
        MK1QSLhkaG011IxUvx6viSEdxhd33PTZFnZt4pmzB+WWpB/+sBrGwm6fOq1snADk
        xmUhfgjk6Hy9s6EuvQIDAQAB
        -----END PUBLIC KEY-----

        """

    static let secp256k1 = """
        -----BEGIN PUBLIC KEY-----
        MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEEP4eOcBCRnPLsy3y/SCsewDoVKSRvQr6
        +FjVRhLd3BN9Xd8v/acObqzs1lI9x/yM57gHvrUnUvH21GI1LrIeCA==
        -----END PUBLIC KEY-----

        """

    static let p256 = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELe6Nk4LCJ2Apz1rnI2pX4dA4ZHZq
        +COqv/NZdVsUiSYA/B4ZZU5KiPzteH4U1zU/OHNQdQbtD4WGM7DERZg1zA==
        -----END PUBLIC KEY-----

        """

    static let p256Explicit = """
        -----BEGIN PUBLIC KEY-----
        MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA
        AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////
        ///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd
        NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5
        RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA
        //////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABC3ujZOCwidgKc9a5yNqV+HQ
        OGR2avgjqr/zWXVbFIkmAPweGWVOSoj87Xh+FNc1PzhzUHUG7Q+FhjOwxEWYNcw=
        -----END PUBLIC KEY-----

        """

    static let p256Compressed = """
        -----BEGIN PUBLIC KEY-----
        MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACLe6Nk4LCJ2Apz1rnI2pX4dA4ZHZq
        +COqv/NZdVsUiSY=
        -----END PUBLIC KEY-----

        """

    static let p256Parameters = """
        -----BEGIN EC PARAMETERS-----
        BggqhkjOPQMBBw==
        -----END EC PARAMETERS-----
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIBi3/63n1e3VoOjyZf83Ohxinmcame2vEsnMgzOullzloAoGCCqGSM49
        AwEHoUQDQgAE5orcsRWjT7RzTKKFzv/8rJ/oD3s8ww+4m1P0HSG5kbY7YmdcbQkk
        5S3UoW0tNzBswKtK/uhtzAv1ivpQ6mu9Mg==
        -----END EC PRIVATE KEY-----

        """

    static let encrypted = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhoqT8dH7sqDQICCAAw
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEPP10inKMhCevpQ5JDTdHeMEgZCO
        9iwJ1caeoTJb2Gg0oFIoISvzeX+KPFGTzUQSpuwdGehr/ugMaTH8Ql4wfMqTqO3D
        kNi/U45IyReWfP+MC9ditgxuuebz072kkGsZQXFTXjNsbfweVxyis67rx7y8HOvR
        vz8ZWjyg6qbYMHX0Uh+DpLtotxtvyTZfk/Lcl7ZjOmuHnnqaOHYpGvQIBGXo+A4=
        -----END ENCRYPTED PRIVATE KEY-----

        """

    static let encryptedTraditional = """
        -----BEGIN EC PRIVATE KEY-----
        Proc-Type: 4,ENCRYPTED
        DEK-Info: AES-128-CBC,BEB23AD5A1FA34CD51E19B2263B9615B

        SK9jxYOtWS9Y2nq6pivbDAzEUqUUACCCLImndkMvBS/WNLsYXKMd/+qgmiuycs2I
        mdYhUiEvcnPcJNtjcXxfRmdIRAO9T6BTxogOi96tA186M4l7l0t6YzHgzOdc8qJP
        goF3Tg2W5Y4CmnBncGqxOiwwMJcNfUTG6k3+yCfoCrc=
        -----END EC PRIVATE KEY-----

        """

    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBbTCCAROgAwIBAgIUccMFxclno90XMPJNt+GlbvSTsLMwCgYIKoZIzj0EAwIw
        DDEKMAgGA1UEAwwBeDAeFw0yNjExMjIxNzUxNThaFw0zNjExMTkxNzUxNThaMAwx
        CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQt7o2TgsInYCnP
        Wucjalfh0Dhkdmr4I6q/81l1WxSJJgD8HhllTkqI/O14fhTXNT84c1B1Bu0PhYYz
        sMRFmDXMo1MwUTAdBgNVHQ4EFgQUrJQOyPj3bGLh59dTaUgPVGtJL1AwHwYDVR0j
        BBgwFoAUrJQOyPj3bGLh59dTaUgPVGtJL1AwDwYDVR0TAQH/BAUwAwEB/zAKBggq
        hkjOPQQDAgNIADBFAiEA9B95bKGbkM0LweXb+co6fO8MF3bkWBmciT/Eqy6kxj8C
        IEBiGFRMQaBa7hGxZVW4YN5H7KP08FIPsn9Ylnv2I1tb
        -----END CERTIFICATE-----

        """

    static let x25519 = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VuAyEA2RMFwpa6W0O6QkInc396pBq5CUsmHKLqk4ET6EUYah8=
        -----END PUBLIC KEY-----

        """

    static let ed448 = """
        -----BEGIN PUBLIC KEY-----
        MEMwBQYDK2VxAzoAqXkHVZVMEFMxkN205ZNcJ4ue91f/3XJjFkkSOsCI30vyTray
        KlcQ4TyRx10oh0pf1Usf1rUjRn+A
        -----END PUBLIC KEY-----

        """

    static let rsaPSS = """
        -----BEGIN PUBLIC KEY-----
        MIIBVjBBBgkqhkiG9w0BAQowNKAPMA0GCWCGSAFlAwQCAQUAoRwwGgYJKoZIhvcN
        AQEIMA0GCWCGSAFlAwQCAQUAogMCASADggEPADCCAQoCggEBAKXlQEg3vmp2oIEj
        UM/Fur7viqaFRXSXDfn9xsH4VN2KC3/UJRdPd8spRLQG9W3jkh4J41jSIL8RV5xI
        EKIiXtlVT5GbeqEc8OinVy3Z98gDExkIhAp4+gJbvsyBJMYSp7u6+Jf88rlWIMkM
        IvWWHJNLvtwfu1RAvVeJjdKtEGqhkiUBStt5aDmvBD//pnJibLe/XnfQyhy+pujL
        ghwo3LuUFjDHqsZeQ4bMEvOf8HYUNCWM2D7yydnuTq25Nb0nKW42kkOktFBE4fke
        Y064NfeSqgUwIDvnidTCKULh4UxCQdcb0JwBputw5/0bpJo24oDFQE22dS9PcWnH
        ABDBj2UCAwEAAQ==
        -----END PUBLIC KEY-----

        """

    static let pkcs1 = """
        -----BEGIN RSA PUBLIC KEY-----
        MIIBCgKCAQEAuc3/FEJgsPXJkYCHu9e9aI2Va5JjgmKT89maugIk1f1BtCmBAvHg
        VZL6dDesqpONRQpOB587STLhammY09EsGsyxO2n8gshzmJgc/TEwnxRNNRLyfitC
        +jD37aRgrc1Lz7SAop5tJ8aRZGNiBbhA3l1rQP0/CM1WOymi588OjH55LiGVKlpP
        f64kLoOClpoURJ19BTiA9/w5dkpOz93XBzGAzHwaIsNeBY55MealSiZPdIV1mZ2K
        ErSWcFBuyZ9N4mST3+O0Hh9lN5bnzKBMJkBgeRvESpw8hM5O4ce2vVxvfu1fb/ub
        4SuSb9YffCix1PuPDRu8Ae7bdUjo/0QaYQIDAQAB
        -----END RSA PUBLIC KEY-----

        """

    static let rsa = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuc3/FEJgsPXJkYCHu9e9
        aI2Va5JjgmKT89maugIk1f1BtCmBAvHgVZL6dDesqpONRQpOB587STLhammY09Es
        GsyxO2n8gshzmJgc/TEwnxRNNRLyfitC+jD37aRgrc1Lz7SAop5tJ8aRZGNiBbhA
        3l1rQP0/CM1WOymi588OjH55LiGVKlpPf64kLoOClpoURJ19BTiA9/w5dkpOz93X
        BzGAzHwaIsNeBY55MealSiZPdIV1mZ2KErSWcFBuyZ9N4mST3+O0Hh9lN5bnzKBM
        JkBgeRvESpw8hM5O4ce2vVxvfu1fb/ub4SuSb9YffCix1PuPDRu8Ae7bdUjo/0Qa
        YQIDAQAB
        -----END PUBLIC KEY-----

        """
}
