# A template: replace OWNER and SHA256 when a release is published.
class Cxr < Formula
  desc "Fetches and verifies the NIH ChestX-ray14 archives"
  homepage "https://github.com/OWNER/cxr"
  url "https://github.com/OWNER/cxr/archive/refs/tags/v0.1.0.tar.gz"
  sha256 "SHA256"
  license "MIT"

  depends_on "rust" => :build
  depends_on :linux

  def install
    system "cargo", "install", *std_cargo_args
    generate_completions_from_executable(bin/"cxr", "completions")
    (man1/"cxr.1").write Utils.safe_popen_read(bin/"cxr", "man")
  end

  test do
    system bin/"cxr", "selftest"
  end
end
