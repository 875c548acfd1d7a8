/* Uppy on the endpoints of direct uploads: the documentation's example, as the test runs it. */
function useDirectUploads(uppy, AwsS3, { url, grant, csrfToken, onReceipt }) {
  const MIB = 1024 * 1024;
  const tokens = {};

  async function post(endpoint, values) {
    const response = await fetch(`${url}${endpoint}/`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken },
      body: JSON.stringify({ grant, ...values }),
    });
    const result = await response.json();
    if (!response.ok) throw new Error(result.message);
    return result;
  }

  async function begin(file) {
    const started = await post("begin", { name: file.name, type: file.type, size: file.size });
    tokens[file.id] = started.upload;
    return started;
  }

  async function complete(file) {
    const { receipt } = await post("complete", { upload: tokens[file.id] });
    onReceipt(file, receipt);
    return {};
  }

  uppy.use(AwsS3, {
    shouldUseMultipart: (file) => file.size > 16 * MIB,
    getChunkSize: (file) => Math.max(16 * MIB, Math.ceil(file.size / 10_000 / MIB) * MIB),
    async getUploadParameters(file) {
      const { url: target, headers } = await begin(file);
      return { method: "PUT", url: target, headers };
    },
    async createMultipartUpload(file) {
      const { upload, key } = await begin(file);
      return { uploadId: upload, key };
    },
    async signPart(file, { uploadId, partNumber }) {
      const { parts } = await post("sign", { upload: uploadId, parts: [partNumber] });
      return parts[0];
    },
    async listParts(file, { uploadId }) {
      const { parts } = await post("parts", { upload: uploadId });
      return parts.map(({ number, size, etag }) => ({ PartNumber: number, Size: size, ETag: etag }));
    },
    completeMultipartUpload: complete,
    abortMultipartUpload: (file, { uploadId }) => post("abort", { upload: uploadId }),
  });
  uppy.on("upload-success", (file) => {
    if (file.size <= 16 * MIB) complete(file);
  });
}
